"""Promotions, policies, history and stages through the SDK, over both transports."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

import modelkeep
from modelkeep.domain.errors import Conflict, Invalid, NotFound, PermissionDenied, Refused


@pytest.fixture
def guarded(client, model, experiment_id, tmp_path):
    """A model with three pinned versions, of runs with an auc of 0.9, 0.7 and 0.95; Production and @champion want 0.8."""
    for auc in (0.9, 0.7, 0.95):
        run_id = client.create_run(experiment_id).info.run_id
        client.log_metric(run_id, "auc", auc)
        (tmp_path / "MLmodel").write_text(f"flavors: {{sklearn: {{serialization_format: skops}}}}\n# {auc}\n")
        client.log_artifact(run_id, str(tmp_path / "MLmodel"), "model")
        client.create_model_version(model, f"runs:/{run_id}/model", run_id)
    policy = f"gate-{uuid.uuid4().hex[:8]}"
    client.apply_policy(
        {
            "policy": policy,
            "models": [model],
            "targets": ["Production", "@champion"],
            "rules": [{"metric": "auc", "at_least": 0.8}],
            "follow": {f"previous-{model}": "previous of champion"},
        }
    )
    yield model
    client.retire_policy(policy)


def holders(client, model):
    return {version.version: version.current_stage for version in client.search_model_versions(f"name = '{model}'")}


def test_a_version_is_promoted_when_the_policy_lets_it(client, guarded):
    promoted = client.promote(guarded, 1, "Production", reason="first")
    client.promote(guarded, 3, "production")

    assert (promoted.version, promoted.current_stage) == ("1", "Production")
    assert holders(client, guarded) == {"1": "Archived", "2": "None", "3": "Production"}
    assert [(each.version, each.reason, each.cause) for each in client.history(guarded, "Production")] == [
        ("3", None, "promotion"),
        ("1", "first", "promotion"),
    ]


def test_a_refusal_names_the_rule_and_changes_nothing(client, guarded):
    client.promote(guarded, 1, "@champion")

    for refused in (
        lambda: client.promote(guarded, 2, "@champion"),
        lambda: client.set_registered_model_alias(guarded, "champion", 2),
        lambda: client.transition_model_version_stage(guarded, 2, "Production"),
    ):
        with pytest.raises(Refused, match=r"metric auc at least 0.8: auc is 0.7 \(evidence .*\), below 0.8") as caught:
            refused()
        (told,) = caught.value.refusals
        assert (told["version"], told["rule"], told["outcome"]) == ("2", "metric auc at least 0.8", "failed")
    assert isinstance(caught.value, PermissionDenied)
    assert client.get_model_version_by_alias(guarded, "champion").version == "1"
    assert holders(client, guarded)["2"] == "None"


def test_an_explanation_changes_nothing(client, guarded):
    allowed, refused = (client.explain_promotion(guarded, number, "Production") for number in (1, 2))

    assert allowed and not refused
    assert "below 0.8" in refused.message
    (judgement,) = refused.judgements
    assert (judgement.move, judgement.passed) == ("enter", False)
    assert (judgement.verdicts[0].measured, len(judgement.verdicts[0].evidence)) == (0.7, 1)
    assert client.history(guarded, "Production") == []


def test_all_are_promoted_or_none(client, guarded):
    moves = [
        {"name": guarded, "version": 1, "target": "Production"},
        {"name": guarded, "version": 2, "target": "@champion"},
    ]
    with pytest.raises(Refused, match="Version 2"):
        client.promote_all(moves)
    assert holders(client, guarded)["1"] == "None"

    done = client.promote_all([{**moves[0]}, {**moves[1], "version": "3"}], reason="release")
    assert [(each.version, each.current_stage, each.aliases) for each in done] == [
        ("1", "Production", []),
        ("3", "None", ["champion"]),
    ]


def test_a_promotion_can_expect_who_holds_the_target(client, guarded):
    client.promote(guarded, 1, "@champion", expected_version=0)
    with pytest.raises(Conflict, match="held by version 1, and no version was expected"):
        client.promote(guarded, 3, "@champion", expected_version=0)
    assert client.promote(guarded, 3, "@champion", expected_version="1").aliases == ["champion"]


def test_a_rollback_goes_back_step_by_step(client, guarded):
    for number in (1, 3):
        client.promote(guarded, number, "@champion")
    assert client.get_model_version_by_alias(guarded, f"previous-{guarded}").version == "1"

    back = client.rollback(guarded, "@champion", expected_version=3, reason="incident")

    assert back.version == "1"
    newest, *_, first = client.history(guarded, "@champion")
    assert (newest.cause, newest.returns_to, newest.reason) == ("rollback", first.position, "incident")
    assert client.who(guarded, "@champion") == newest
    with pytest.raises(NotFound):
        client.get_model_version_by_alias(f"{guarded}-no", "champion")
    with pytest.raises(Conflict, match="nothing held it before"):
        client.rollback(guarded, "@champion")


def test_the_past_is_told_by_time_and_by_position(client, guarded):
    client.promote(guarded, 1, "@champion")
    (first,) = client.history(guarded, "@champion")
    client.promote(guarded, 3, "@champion")
    moment = datetime.fromtimestamp(first.since / 1000, UTC)

    for at in (f"#{first.position}",):
        assert client.target_at(guarded, "@champion", at).version == "1"
    assert client.get_model_version_by_alias(guarded, "champion", at=datetime.now(UTC)).version == "3"
    assert client.get_model_version_by_alias(guarded, "champion").version == "3"
    with pytest.raises(NotFound):
        client.target_at(guarded, "@champion", moment.replace(year=moment.year - 1))
    with pytest.raises(Invalid, match="is no moment"):
        client.target_at(guarded, "@champion", "yesterday")
    change, *_ = client.diff_targets(guarded, f"#{first.position}")
    assert (change.target, change.before, change.after) == ("@champion", ["1"], ["3"])


def test_forcing_needs_a_person(client, guarded):
    with pytest.raises(PermissionDenied, match="--auth"):
        client.promote(guarded, 2, "Production", force=True, reason="we must")
    assert client.list_overrides(guarded) == []


def test_a_policy_is_read_from_a_file(client, model, tmp_path):
    file = tmp_path / "policy.yaml"
    file.write_text(
        f"policy: file-{model}\nmodels: ['{model}']\ntargets: [Production]\non: [enter, leave]\n"
        "rules:\n- not_during: [{from: 2099-01-01, until: 2099-01-02}]\n- tags: {ready: 'yes'}\n"
    )

    reading = client.lint_policy(file)
    assert (reading.moves, reading.rules) == (
        ["enter", "leave"],
        ["not from 2099-01-01 until 2099-01-02 (UTC)", "tags ready=yes"],
    )
    applied = client.apply_policy(str(file))
    assert client.apply_policy(Path(file)) == applied
    assert applied.policy in [each.policy for each in client.list_policies()]
    assert client.get_policy(applied.policy).document["on"] == ["enter", "leave"]
    client.retire_policy(applied.policy)
    assert [each.document is None for each in client.policy_history(applied.policy)] == [True, False]
    with pytest.raises(NotFound):
        client.get_policy(applied.policy)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ("no-such-file", "cannot be read"),
        ("a: [", "is not YAML"),
        ("- a\n- b", "holds no policy"),
        ({"policy": "p", "models": ["x"], "targets": ["Production"], "rules": []}, "permissive-p"),
        (
            {"policy": "p", "models": ["x"], "targets": ["Prod"], "rules": [{"pinned": True}]},
            "Invalid Model Version stage",
        ),
        ({"policy": "p", "models": ["x"], "targets": ["Production"], "rules": [{"metric": "auc"}]}, "rule 1.*at_least"),
        ({"policy": "p", "models": ["x"], "targets": ["Production"], "rules": [{"auc": 1}]}, "exactly one of the keys"),
    ],
)
def test_a_wrong_policy_is_refused_with_a_sentence(client, document, sentence):
    with pytest.raises(Invalid, match=sentence):
        client.apply_policy(document)


def test_a_policy_is_tried_on_the_past(client, guarded):
    for number in (1, 3):
        client.promote(guarded, number, "Production")
    document = {
        "policy": "try",
        "models": [guarded],
        "targets": ["Production"],
        "rules": [{"metric": "auc", "at_least": 0.92}],
    }

    trials = client.test_policy(document)

    assert [(each.version, each.outcome) for each in trials] == [("3", "would pass"), ("1", "would refuse")]
    assert "below 0.92" in trials[1].reasons[0]
    assert client.test_policy(document, limit=1) == trials[:1]


def test_what_stands_in_a_target_is_shown(client, guarded):
    client.promote(guarded, 1, "Production")
    (standing,) = client.standing(guarded)
    assert (standing.target, standing.version, standing.passes) == ("Production", "1", True)


def test_the_stages_are_told(client):
    stages = client.get_stages()
    assert stages.stages[0] == "None" and "Production" in stages.stages


def test_a_model_is_loaded_as_of_a_moment(client, uri, model, experiment_id):
    sklearn = pytest.importorskip("modelkeep.sklearn")
    from sklearn.dummy import DummyRegressor

    modelkeep.set_tracking_uri(uri)
    for constant in (1.0, 2.0):
        fitted = DummyRegressor(strategy="constant", constant=constant).fit([[0.0]], [0.0])
        with modelkeep.start_run(experiment_id=experiment_id):
            sklearn.log_model(fitted, name="model", registered_model_name=model)
    client.promote(model, 1, "@champion")
    (first,) = client.history(model, "@champion")
    client.promote(model, 2, "@champion")

    assert sklearn.load_model(f"models:/{model}@champion").predict([[0.0]])[0] == 2.0
    assert sklearn.load_model(f"models:/{model}@champion", at=f"#{first.position}").predict([[0.0]])[0] == 1.0
    with pytest.raises(Invalid, match="names the same at any time"):
        sklearn.load_model(f"models:/{model}/1", at=f"#{first.position}")
