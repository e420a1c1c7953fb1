"""`modelkeep evidence`."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest

import modelkeep
from tests.cli.conftest import Run, register


@pytest.fixture
def version(client: modelkeep.Client, model: str, run_id: str, tmp_path: Path) -> str:
    """The address, `name/1`, of a version with bytes of its own, whose run has an AUC of 0.5."""
    client.log_text(run_id, uuid.uuid4().hex, "model/unlike-any-other.txt")
    return f"{model}/{register(client, model, run_id, tmp_path)}"


def test_evidence_is_added_from_options_and_listed(run: Run, client: modelkeep.Client, version: str) -> None:
    name, number = version.split("/")
    run("evidence", "add", name, number, "--kind", "load-test", "--value", "p99_ms=41.5", "--value", "n=1e3", "--passed",
        "--dataset", "holdout", "--tool", "wrk")  # fmt: skip
    run("alias", "set", version, "champion")
    run("evidence", "add", name, "@champion", "--kind", "scan", "--failed")

    rows = run("evidence", "list", version).rows
    assert [row[1:3] + row[4:] for row in rows] == [
        ["scan", "failed", "", "", ""],
        ["load-test", "passed", "wrk", "holdout", "n=1000, p99_ms=41.5"],
        ["run", "measured", "", "", "auc=0.5"],
    ]
    assert all(row[3].endswith(" (unverified)") for row in rows)
    assert len(run("evidence", "list", version, "--limit", "2").rows) == 2
    (listed,) = run("evidence", "list", name, number, "--kind", "load-test", "--json").json
    assert (listed["values"], listed["passed"]) == ({"p99_ms": 41.5, "n": 1000.0}, True)


def test_a_report_is_taken_as_what_it_says_and_the_rest_as_details(run: Run, version: str, tmp_path: Path) -> None:
    report = {
        "passed": False, "metrics": {"auc": 0.75}, "errors": ["AUC too low: 0.75"], "environment": {"python": "3.11"},
        "tool": "ours", "dataset_name": "d", "dataset_digest": "1",
    }  # fmt: skip
    (tmp_path / "report.json").write_text(json.dumps(report))

    added = run(
        "evidence", "add", version, "--kind", "audit", "--file", str(tmp_path / "report.json"), "--value", "f1=0.5",
        "--tool", "theirs", "--json",
    ).json  # fmt: skip

    assert added["values"] == {"auc": 0.75, "f1": 0.5}
    assert added["details"] == {"errors": ["AUC too low: 0.75"]}
    assert (added["passed"], added["tool"], added["dataset_digest"]) == (False, "theirs", "1")
    assert added["environment"] == {"python": "3.11"}
    again = run(
        "evidence", "add", version, "--kind", "audit", "--file", "-", "--json", input='{"values": {"a": 1}}'
    ).json
    assert again["values"] == {"a": 1.0}


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (["--kind", "run"], 1),
        (["--kind", "scan", "--value", "auc"], 2),
        (["--kind", "scan", "--value", "auc=high"], 2),
        (["--kind", "scan", "--value", "auc=nan"], 1),
        (["--kind", "scan", "--file", "no-such-file.json"], 1),
        ([], 2),
    ],
)
def test_bad_evidence_is_refused(run: Run, version: str, given: list[str], code: int) -> None:
    run("evidence", "add", version, *given, code=code)

    assert [row[1] for row in run("evidence", "list", version).rows] == ["run"]


@pytest.mark.parametrize("text", ["not json", "[1]", '{"metrics": 3}', '{"values": {"auc": true}}'])
def test_a_file_that_is_no_report_is_refused(run: Run, version: str, text: str) -> None:
    run("evidence", "add", version, "--kind", "scan", "--file", "-", input=text, code=1)


def test_a_version_that_is_not_there_ends_with_3(run: Run, version: str) -> None:
    run("evidence", "list", version.split("/")[0], "9", code=3)
    run("evidence", "add", version.split("/")[0], "@nobody", "--kind", "scan", code=3)
