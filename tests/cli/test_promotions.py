"""`modelkeep promote`, `rollback`, `history`, `who`, `override`, `policy` and the stages of a registry."""

from __future__ import annotations

from pathlib import Path

import pytest

import modelkeep
from tests.cli.conftest import Run


@pytest.fixture
def gated(run: Run, client: modelkeep.Client, model: str, experiment_id: str, tmp_path: Path):
    """A model with versions of an auc of 0.9, 0.7 and 0.95; Production and @champion want 0.8."""
    for auc in (0.9, 0.7, 0.95):
        run_id = client.create_run(experiment_id).info.run_id
        client.log_metric(run_id, "auc", auc)
        (tmp_path / "weights").write_text(f"{auc} {model}")
        client.log_artifact(run_id, str(tmp_path / "weights"), "model")
        client.create_model_version(model, f"runs:/{run_id}/model", run_id)
    file = tmp_path / "policy.yaml"
    file.write_text(
        f"policy: gate-{model}\nmodels: ['{model}']\ntargets: [Production, '@champion']\n"
        "rules:\n  - metric: auc\n    at_least: 0.8\n"
    )
    run("policy", "apply", file)
    yield model
    run("policy", "retire", f"gate-{model}")


def test_a_promotion_and_its_history(run: Run, gated: str) -> None:
    assert "holds @champion" in run("promote", gated, "1", "--to", "@champion", "--expect", "0").out
    assert run("promote", f"{gated}/3", "--to", "@champion", "--reason", "better", "--json").json["aliases"] == [
        "champion"
    ]

    rows = run("history", gated, "@champion").rows
    assert [(row[0], row[4], row[5]) for row in rows] == [("3", "promotion", "better"), ("1", "promotion", "")]
    assert run("who", gated, "@champion", "--json").json["reason"] == "better"
    position = run("history", gated, "@champion", "--json").json[1]["position"]
    assert run("history", gated, "@champion", "--at", f"#{position}").out == "1\n"

    assert "back at version 1" in run("rollback", gated, "@champion").out
    assert "rollback to #" in run("history", gated, "@champion", "--limit", "1").rows[0][4]
    assert "nothing held it before" in run("rollback", gated, "@champion", code=1).err
    assert "No version" in run("who", gated, "Production").out


def test_a_refusal_ends_with_1_and_names_each_rule(run: Run, gated: str) -> None:
    ended = run("promote", gated, "2", "--to", "Production", code=1)
    first, rule = ended.err.splitlines()
    assert first == f"Error: Version 2 of '{gated}' may not enter Production:"
    assert rule.startswith(f"- policy 'gate-{gated}' (revision 1), metric auc at least 0.8: auc is 0.7")

    ended = run("promote", gated, "2", "--to", "Production", "--dry-run", code=None)
    assert ended.code == 1
    assert ended.rows[0][1:4] == ["enter Production", "metric auc at least 0.8", "failed"]
    assert run("promote", gated, "1", "--to", "Production", "--dry-run").rows[0][3] == "passed"
    assert run("promote", gated, "2", "--to", "Production", "--dry-run", "--json", code=None).json["allowed"] is False
    assert run("promote", gated, "2", "--to", "Production", "--expect", "9", code=1).err.startswith(
        "Error: Production of"
    )


def test_what_is_not_there(run: Run, gated: str) -> None:
    run("promote", gated, "9", "--to", "Production", code=3)
    assert "Value must be one of" in run("promote", gated, "1", "--to", "Prod", code=1).err
    run("history", f"{gated}-no", "Production", code=3)
    run("policy", "show", "no-such-policy", code=3)
    assert "role admin" in run("promote", gated, "2", "--to", "Production", "--force", "--reason", "x", code=5).err
    assert run("override", "list", gated).rows == []
    run("override", "close", "1", "--note", "x", code=5)


def test_a_policy_is_shown_and_tried(run: Run, gated: str, tmp_path: Path) -> None:
    run("promote", gated, "1", "--to", "Production")
    file = tmp_path / "stricter.yaml"
    file.write_text(
        f"policy: gate-{gated}\nmodels: ['{gated}']\ntargets: [Production]\nrules:\n  - metric: auc\n    at_least: 0.92\n"
    )

    assert ["metric auc at least 0.92", "no"] in run("policy", "lint", file).rows
    tried = run("policy", "test", file)
    assert tried.rows[0][1:3] + tried.rows[0][4:5] == ["1", "Production", "would refuse"]
    assert "Of 1 promotions 0 would pass, 1 would be refused" in tried.out
    assert run("policy", "standing", gated).rows[0][:3] == ["Production", "1", "would pass"]
    run("policy", "apply", file)
    assert run("policy", "standing", gated).rows[0][:3] == ["Production", "1", "would be refused"]
    assert "at_least: 0.92" in run("policy", "show", f"gate-{gated}").out
    assert "at_least: 0.8\n" in run("policy", "show", f"gate-{gated}", "--revision", "1").out
    assert [row[0] for row in run("policy", "history", f"gate-{gated}").rows] == ["2", "1"]
    assert f"gate-{gated}" in [row[0] for row in run("policy", "list").rows]
    assert "cannot be read" in run("policy", "lint", tmp_path / "no.yaml", code=1).err


def test_stages_are_listed_and_wrong_ones_refused(run: Run, tmp_path: Path) -> None:
    assert ["Production", "any"] in run("stage", "list").rows
    file = tmp_path / "stages.yaml"
    file.write_text("stages: [None, Production, Archived]\n")
    assert "'Staging' is missing" in run("stage", "configure", file, code=1).err
