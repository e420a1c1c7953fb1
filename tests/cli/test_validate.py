"""`modelkeep validate`, with data in files and in the registry."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import modelkeep
import modelkeep.sklearn
from modelkeep.client import active
from modelkeep.models import infer_signature
from tests.cli.conftest import Run

FAST = ("--calls", "2", "--warm-up", "0")


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"orders": rng.integers(0, 20, 300).astype(float), "value": rng.normal(100, 20, 300)})
    return frame.assign(churned=(frame.orders + rng.normal(0, 2, 300) < 8).astype(int))


@pytest.fixture
def version(uri: str, data: pd.DataFrame) -> str:
    """The address, `name/1`, of a model of that data."""
    name = f"churn-{uuid.uuid4().hex[:8]}"
    features = data[["orders", "value"]]
    model = LogisticRegression().fit(features, data["churned"])
    modelkeep.set_tracking_uri(uri)
    with modelkeep.start_run():
        modelkeep.sklearn.log_model(
            model,
            name="model",
            registered_model_name=name,
            signature=infer_signature(features, model.predict(features)),
        )
    active.end_run()
    return f"{name}/1"


@pytest.mark.parametrize("kind", ["csv", "parquet", "npz"])
def test_a_version_is_measured_on_a_file(run: Run, version: str, data: pd.DataFrame, tmp_path: Path, kind: str) -> None:
    file = tmp_path / f"holdout.{kind}"
    if kind == "csv":
        data.to_csv(file, index=False)
    elif kind == "parquet":
        data.to_parquet(file)
    else:
        np.savez(file, X=data[["orders", "value"]].to_numpy(), churned=data["churned"].to_numpy())

    report = run(
        "validate", f"models:/{version}", "--data", str(file), "--target", "churned", "--check", "roc_auc >= 0.8",
        "--check", "avg_latency_ms<=10000", *FAST, "--json",
    ).json  # fmt: skip

    assert report["passed"] is True
    assert report["metrics"]["roc_auc"] > 0.8
    assert report["dataset_name"] == f"holdout.{kind}"
    (recorded,) = run("evidence", "list", version, "--kind", "validation", "--json").json
    assert recorded["evidence_id"] == report["evidence_id"]
    assert (recorded["passed"], recorded["values"]["roc_auc"]) == (True, report["metrics"]["roc_auc"])


def test_one_that_is_not_good_enough_ends_with_1(run: Run, version: str, data: pd.DataFrame, tmp_path: Path) -> None:
    data.to_csv(tmp_path / "holdout.csv", index=False)

    ended = run(
        "validate", version, "--data", str(tmp_path / "holdout.csv"), "--target", "churned", "--check", "roc_auc >= 0.9999",
        "--dataset", "november", *FAST, code=None,
    )  # fmt: skip

    assert ended.code == 1
    assert "FAILED" in ended.out and "it must be at least 0.9999" in ended.out
    (recorded,) = run("evidence", "list", version, "--kind", "validation", "--json").json
    assert (recorded["passed"], recorded["dataset_name"]) == (False, "november")


@pytest.mark.parametrize(
    "text", ["roc_auc: '>= 0.8'\np99_latency_ms: {at_most: 10000}\n", '["roc_auc >= 0.8", "p99_latency_ms <= 10000"]']
)
def test_checks_come_from_a_file_too(run: Run, version: str, data: pd.DataFrame, tmp_path: Path, text: str) -> None:
    data.to_csv(tmp_path / "holdout.csv", index=False)
    (tmp_path / "checks.yaml").write_text(text)

    report = run(
        "validate", version, "--data", str(tmp_path / "holdout.csv"), "--target", "churned", "--checks",
        str(tmp_path / "checks.yaml"), "--check", "accuracy >= 0.1", "--no-record", *FAST, "--json",
    ).json  # fmt: skip

    assert [each["name"] for each in report["checks"]] == ["roc_auc", "p99_latency_ms", "accuracy"]
    assert report["evidence_id"] is None
    assert run("evidence", "list", version, "--kind", "validation", "--json").json == []


def test_data_may_be_in_the_registry(
    run: Run, client: modelkeep.Client, version: str, data: pd.DataFrame, run_id: str, tmp_path: Path
) -> None:
    data.to_csv(tmp_path / "holdout.csv", index=False)
    client.log_artifact(run_id, str(tmp_path / "holdout.csv"), "data")
    run("alias", "set", version, "champion")

    report = run(
        "validate", version, "--data", f"runs:/{run_id}/data/holdout.csv", "--target", "churned", "--check", "psi <= 0.1",
        "--champion", f"{version.split('/')[0]}@champion", *FAST, "--json",
    ).json  # fmt: skip

    assert report["metrics"]["psi"] == 0.0
    assert report["dataset_name"] == "holdout.csv"


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (["--data", "no-such.csv", "--target", "churned"], 1, "There is no file"),
        (["--data", "DATA", "--target", "nothing"], 1, "has no column 'nothing'"),
        (["--data", "DATA", "--check", "roc_auc >= 0.8"], 1, "Give them as y"),
        (["--data", "DATA", "--target", "churned", "--check", "roc_auc > 0.8"], 1, "means nothing"),
        (["--data", "DATA", "--target", "churned", "--check", "nothing"], 1, "There is no measure"),
        (["--data", "DATA", "--target", "churned", "--checks", "no-such.yaml"], 1, "cannot be read"),
        (["--data", "pyproject.toml"], 1, ".csv, .parquet, .npz"),
        (["--data", "DATA", "--calls", "0"], 2, "range"),
        ([], 2, "--data"),
    ],
)
def test_what_is_wrong_is_one_line(
    run: Run, version: str, data: pd.DataFrame, tmp_path: Path, given: list[str], code: int, said: str
) -> None:
    data.to_csv(tmp_path / "holdout.csv", index=False)
    given = [str(tmp_path / "holdout.csv") if each == "DATA" else each for each in given]

    assert said in run("validate", version, *given, code=code).err


def test_bytes_that_are_no_data_are_refused(run: Run, version: str, tmp_path: Path) -> None:
    for kind in ("parquet", "npz", "csv"):
        (tmp_path / f"broken.{kind}").write_bytes(b"\xff\x00 no data" if kind != "csv" else b"")
        ended = run("validate", version, "--data", str(tmp_path / f"broken.{kind}"), code=1)
        assert "cannot be read" in ended.err
    np.savez(tmp_path / "two.npz", a=np.zeros(2), b=np.zeros(2))
    assert "call the features 'X'" in run("validate", version, "--data", str(tmp_path / "two.npz"), code=1).err
    np.savez(tmp_path / "objects.npz", X=np.array([{}], dtype=object))
    assert "cannot be read" in run("validate", version, "--data", str(tmp_path / "objects.npz"), code=1).err


def test_a_report_is_readable(run: Run, version: str, data: pd.DataFrame, tmp_path: Path) -> None:
    data.to_csv(tmp_path / "holdout.csv", index=False)
    (tmp_path / "checks.json").write_text(json.dumps({"accuracy": {"at_least": 0.1}, "psi": "<= 0.1"}))

    out = run(
        "validate", version, "--data", str(tmp_path / "holdout.csv"), "--target", "churned", "--checks",
        str(tmp_path / "checks.json"), *FAST,
    ).out  # fmt: skip

    assert out.startswith(f"models:/{version} on holdout.csv (300 rows, digest ")
    assert ": passed\n" in out
    assert "accuracy" in out and "at least 0.1  ok" in out
    assert "There is no champion" in out
