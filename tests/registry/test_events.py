import json

import pytest

from modelkeep.domain.errors import Invalid
from modelkeep.domain.events import KINDS, sentence
from modelkeep.registry import aliases, events, models, promotions, versions


@pytest.fixture
def history(actor, registry):
    models.create(actor, registry, "churn")
    versions.register(actor, registry, "churn", "s3://bucket/1")
    aliases.point(actor, registry, "churn", "champion", 1)
    models.create(actor, registry, "fraud")
    promotions.transition(actor, registry, "churn", 1, "Production")


def test_events_come_in_order_after_a_position(actor, registry, history):
    everything = events.page(actor, registry, limit=1000)
    positions = [event.position for event in everything]

    assert positions == sorted(set(positions))
    assert events.page(actor, registry, after=positions[2]) == everything[3:]


def test_events_of_a_model_follow_it_through_a_rename(actor, registry, history):
    models.rename(actor, registry, "churn", "retention")

    found = [event.kind for event in events.page(actor, registry, model="retention")]

    assert found == ["model.created", "version.registered", "alias.moved", "stage.changed", "model.renamed"]


def test_events_are_filtered_by_kind_noun_and_actor(actor, registry, history):
    assert [e.kind for e in events.page(actor, registry, kinds=["alias.moved", "stage"])] == [
        "alias.moved",
        "stage.changed",
    ]
    assert events.page(actor, registry, actor_name="nobody") == []


def test_the_recorded_time_never_runs_backwards(actor, registry, history):
    registry.clock = lambda: 1000

    models.create(actor, registry, "late")

    times = [event.recorded_timestamp for event in events.page(actor, registry, limit=1000)]
    assert times == sorted(times)


def test_an_unverified_actor_is_marked_in_the_event(actor, registry):
    actor.verified = False

    models.create(actor, registry, "churn")

    assert events.page(actor, registry, kinds=["model"])[0].verified is False


def test_every_event_has_a_sentence(actor, registry, history):
    for event in events.page(actor, registry, limit=1000):
        assert sentence(event).startswith(event.actor + ": ")
    said = [sentence(event) for event in events.page(actor, registry, kinds=["alias"])]
    assert said == ["ann: @champion of churn moved from version nothing to version 1 (cause: alias set)"]


@pytest.mark.parametrize("bad", [{"after": -1}, {"limit": 0}, {"limit": 1001}, {"kinds": ["nope"]}, {"model": "a/b"}])
def test_a_bad_question_is_refused(actor, registry, bad):
    with pytest.raises(Invalid):
        events.page(actor, registry, **bad)


def test_payloads_are_stored_in_their_canonical_form(actor, registry, history):
    with registry.database.read() as tx:
        for (payload,) in tx.all("SELECT payload FROM events", {}):
            again = json.dumps(json.loads(payload), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            assert again == payload


def test_every_kind_is_noun_dot_past_tense():
    assert all(kind.count(".") == 1 and kind.islower() for kind in KINDS)
