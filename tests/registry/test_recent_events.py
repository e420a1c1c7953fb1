"""Events newest first, and what of them still exists."""

from __future__ import annotations

import pytest

from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Invalid
from modelkeep.registry import aliases, events, models, promotions, versions
from modelkeep.registry.handle import Registry


@pytest.fixture
def busy(actor: Actor, registry: Registry) -> Registry:
    for name in ("churn", "fraud"):
        models.create(actor, registry, name)
        for number in (1, 2):
            versions.register(actor, registry, name, f"s3://bucket/{name}/{number}")
    return registry


def test_recent_events_are_the_events_backwards(actor: Actor, busy: Registry) -> None:
    forwards = events.page(actor, busy)
    assert events.recent(actor, busy) == forwards[::-1]
    assert events.recent(actor, busy, limit=2) == forwards[:-3:-1]


def test_recent_events_go_on_before_a_position(actor: Actor, busy: Registry) -> None:
    first = events.recent(actor, busy, limit=2)
    second = events.recent(actor, busy, before=first[-1].position, limit=100)
    assert first + second == events.page(actor, busy)[::-1]
    assert events.recent(actor, busy, before=0) == []


def test_recent_events_can_be_narrowed_down(actor: Actor, busy: Registry) -> None:
    found = events.recent(actor, busy, model="fraud", actor_name=actor.name, kinds=["version"])
    assert [(event.kind, event.payload["version"]) for event in found] == [
        ("version.registered", 2),
        ("version.registered", 1),
    ]


def test_the_recent_events_of_many_namesakes_are_all_found(actor: Actor, registry: Registry) -> None:
    for _ in range(12):
        models.create(actor, registry, "again")
        models.delete(actor, registry, "again")
    kinds = [event.kind for event in events.recent(actor, registry, model="again", kinds=["model"], limit=30)]
    assert kinds == ["model.deleted", "model.created"] * 12


@pytest.mark.parametrize("wrong", [{"before": -1}, {"limit": 0}, {"limit": 1001}, {"kinds": ["x"]}, {"model": "a/b"}])
def test_recent_events_refuse_wrong_values(actor: Actor, busy: Registry, wrong: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        events.recent(actor, busy, **wrong)


def test_the_events_of_a_model_follow_it_through_a_rename_and_not_its_name(actor: Actor, busy: Registry) -> None:
    model_id = models.get(actor, busy, "churn").id
    models.rename(actor, busy, "churn", "churn-2")
    models.create(actor, busy, "churn")
    kinds = [event.kind for event in events.recent_of_model(actor, busy, model_id)]
    assert kinds == ["model.renamed", "version.registered", "version.registered", "model.created"]


def test_the_events_of_a_version_are_those_that_name_it(actor: Actor, busy: Registry) -> None:
    model_id = models.get(actor, busy, "churn").id
    promotions.transition(actor, busy, "churn", 1, "Production")
    promotions.transition(actor, busy, "churn", 2, "Production", archive_existing_versions=True)
    aliases.point(actor, busy, "churn", "champion", 1)
    aliases.point(actor, busy, "churn", "champion", 2)
    versions.set_tag(actor, busy, "churn", 2, "k", "v")
    found = events.recent_of_version(actor, busy, model_id, 1)
    assert [event.kind for event in found] == [
        "alias.moved",
        "alias.moved",
        "stage.changed",
        "stage.changed",
        "version.registered",
    ]


def test_only_what_still_exists_is_a_subject(actor: Actor, busy: Registry) -> None:
    churn = models.get(actor, busy, "churn").id
    fraud = models.get(actor, busy, "fraud").id
    versions.delete(actor, busy, "churn", 1)
    models.rename(actor, busy, "churn", "churn-2")
    models.delete(actor, busy, "fraud")
    subjects = events.subjects(actor, busy, events.page(actor, busy))
    assert subjects.models == {churn: "churn-2"}
    assert subjects.versions == {(churn, 2)}
    assert fraud not in subjects.models
