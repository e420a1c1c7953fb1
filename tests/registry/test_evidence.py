"""Evidence: facts about bytes, added once, and what the registry takes from a run when a version is registered."""

from __future__ import annotations

import math

import pytest

from modelkeep.domain.actors import Actor
from modelkeep.domain.datasets import Dataset, DatasetInput
from modelkeep.domain.errors import Conflict, Invalid, NotFound, PermissionDenied
from modelkeep.domain.imports import Model as ImportedModel
from modelkeep.domain.imports import Version as ImportedVersion
from modelkeep.domain.tags import Tag
from modelkeep.registry import (
    datasets,
    events,
    evidence,
    experiments,
    imports,
    manifests,
    metrics,
    models,
    runs,
    versions,
)
from modelkeep.registry.handle import Registry
from modelkeep.storage import evidence as rows
from tests.registry.test_artifacts import store

CI = Actor("ci", "writer", True, "embedded")


@pytest.fixture
def run(registry: Registry, actor: Actor) -> str:
    """A run with the files of a model at `model`."""
    made = runs.create(actor, registry, experiments.create(actor, registry, "churn").id)
    store(registry, f"{made.artifact_uri.removeprefix('mlflow-artifacts:/')}/model/MLmodel", b"flavors")
    models.create(actor, registry, "churn")
    return made.id


@pytest.fixture
def churn(registry: Registry, actor: Actor, run: str) -> str:
    """The digest of churn's version 1, whose run has measured nothing."""
    versions.register(actor, registry, "churn", f"runs:/{run}/model", run)
    return manifests.get(actor, registry, "churn", 1).digest


def measure(registry: Registry, actor: Actor, run: str, **values: float) -> None:
    for number, (key, value) in enumerate(values.items()):
        metrics.log(actor, registry, run, key=key, value=value, timestamp=number)


def read(registry: Registry, actor: Actor, run: str, name: str, context: str | None) -> None:
    tags = [Tag("mlflow.data.context", context)] if context else []
    dataset = Dataset(name, f"{name}-digest", "local", "{}")
    datasets.log_inputs(actor, registry, run, [DatasetInput(dataset, tags)])


def listed(registry: Registry, actor: Actor, version: int = 1, **chosen):
    return evidence.page(actor, registry, "churn", version, **chosen).items


def manifest_id(registry: Registry, digest: str) -> int:
    with registry.database.read() as tx:
        row = tx.one("SELECT id FROM manifests WHERE digest = :digest", {"digest": digest})
    assert row is not None
    return row[0]


def test_what_was_added_is_read_back_as_it_was(registry, actor, churn):
    added = evidence.add(
        CI, registry, "load-test", "churn", "1", passed=False, tool="wrk 4", dataset_name="holdout", dataset_digest="d1",
        values={"p99_ms": 41, "übersetzt": 0.1} | {"a b/c": -1e-300}, environment={"host": "ci-7"},
        details={"steps": [1, {"x": None}], "text": "naïve", "on": True, "whole": 3, "share": 0.5},
    )  # fmt: skip

    (found,) = listed(registry, actor)
    assert found == added
    assert (found.kind, found.source, found.passed, found.producer, found.verified) == (
        "load-test", "api", False, "ci", True,
    )  # fmt: skip
    assert found.digest == churn
    assert found.values == {"p99_ms": 41.0, "übersetzt": 0.1, "a b/c": -1e-300}
    assert type(found.values["p99_ms"]) is float
    assert found.details == {"steps": [1, {"x": None}], "text": "naïve", "on": True, "whole": 3, "share": 0.5}


def test_evidence_is_about_the_bytes_whichever_version_has_them(registry, actor, run, churn):
    versions.register(actor, registry, "churn", f"runs:/{run}/model", run)
    evidence.add(CI, registry, "scan", digest=churn, passed=True)
    root = runs.get(actor, registry, run).artifact_uri.removeprefix("mlflow-artifacts:/")
    store(registry, f"{root}/model/MLmodel", b"other flavors")
    versions.register(actor, registry, "churn", f"runs:/{run}/model", run)

    assert [each.kind for each in listed(registry, actor, 1)] == ["scan"]
    assert listed(registry, actor, 1) == listed(registry, actor, 2)
    assert listed(registry, actor, 3) == []


def test_the_event_holds_everything(registry, actor, churn):
    evidence.add(CI, registry, "scan", "churn", 1, values={"findings": 0.0}, details={"tool": "x"})
    evidence.add(CI, registry, "scan", digest=churn)

    first, second = events.page(actor, registry, kinds=["evidence.added"])
    assert first.payload | {"creation_timestamp": 0, "evidence_id": 0} == {
        "model": "churn", "version": 1, "digest": churn, "evidence_id": 0, "evidence_kind": "scan", "evidence_source": "api",
        "passed": None, "tool": None, "dataset_name": None, "dataset_digest": None, "values": {"findings": 0.0},
        "environment": {}, "details": {"tool": "x"}, "creation_timestamp": 0,
    }  # fmt: skip
    assert first.model_id is not None
    assert (second.model_id, second.payload["model"], second.payload["version"]) == (None, None, None)


def test_evidence_comes_in_pages_newest_first(registry, actor, churn):
    for number in range(5):
        evidence.add(CI, registry, "scan" if number % 2 else "audit", "churn", 1, values={"n": number})

    first = evidence.page(actor, registry, "churn", 1, max_results=2)
    second = evidence.page(actor, registry, "churn", 1, max_results=2, page_token=first.next_page_token)
    third = evidence.page(actor, registry, digest=churn, max_results=2, page_token=second.next_page_token)
    assert [each.values["n"] for each in (*first.items, *second.items, *third.items)] == [4, 3, 2, 1, 0]
    assert third.next_page_token is None
    assert [each.values["n"] for each in listed(registry, actor, kind="scan")] == [3, 1]
    with pytest.raises(Invalid, match="another search"):
        evidence.page(actor, registry, "churn", 1, kind="scan", page_token=first.next_page_token)
    for wrong in ({"max_results": 0}, {"max_results": 1001}, {"page_token": "x"}):
        with pytest.raises(Invalid):
            evidence.page(actor, registry, "churn", 1, **wrong)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"kind": "run"}, "the registry itself takes"),
        ({"kind": "a b"}, "letters, digits"),
        ({"kind": ""}, "Missing value"),
        ({"passed": 1}, "true or false"),
        ({"values": {"auc": math.nan}}, "finite numbers only"),
        ({"values": {"auc": "NaN"}}, "finite numbers only"),
        ({"values": {"auc": -math.inf}}, "finite numbers only"),
        ({"values": {"auc": 10**400}}, "finite numbers only"),
        ({"values": {"auc": True}}, "Write 1 or 0"),
        ({"values": {"auc": "0.9"}}, "must be a number"),
        ({"values": {"auc": None}}, "must be a number"),
        ({"values": {"a\0": 1}}, "NUL"),
        ({"values": {"": 1}}, "Missing value"),
        ({"values": [1]}, "an object with a value for each key"),
        ({"values": dict.fromkeys(map(str, range(10_001)), 1.0)}, "at most 10,000"),
        ({"environment": {"python": 3}}, "must be text"),
        ({"environment": "x"}, "an object"),
        ({"details": {"x": math.inf}}, "JSON has no number"),
        ({"details": {"x": "a\ud800"}}, "surrogate"),
        ({"details": {"x": b"bytes"}}, "JSON cannot say"),
        ({"details": {1: 2}}, "keys must be texts"),
        ({"details": {"x": 2**70}}, "64-bit"),
        ({"details": {"x": "y" * 1_048_570}}, "1,048,576 are allowed"),
        ({"tool": "x" * 257}, "at most 256"),
        ({"dataset_digest": "d"}, "Name the data set"),
        ({"digest": "a" * 64}, "not both"),
        ({"name": None, "version": None}, "all missing"),
        ({"name": None, "version": None, "digest": "abc"}, "64 hexadecimal"),
        ({"version": "x"}, "must be an integer"),
    ],
)  # fmt: skip
def test_bad_evidence_is_refused_with_a_reason_and_leaves_nothing(registry, actor, churn, wrong, said):
    with pytest.raises(Invalid, match=said):
        evidence.add(CI, registry, **({"kind": "scan", "name": "churn", "version": 1} | wrong))

    assert listed(registry, actor) == []
    assert events.page(actor, registry, kinds=["evidence"]) == []


def test_details_may_be_nested_but_not_without_end(registry, actor, churn):
    nested: dict = {}
    for _ in range(40):
        nested = {"x": nested}
    with pytest.raises(Invalid, match="deeper than 32"):
        evidence.add(CI, registry, "scan", "churn", 1, details=nested)
    evidence.add(CI, registry, "scan", "churn", 1, details={"x": [[[[1]]]]}, values={f"k{n}": n for n in range(10_000)})
    assert len(listed(registry, actor)[0].values) == 10_000


def test_without_bytes_there_is_no_evidence(registry, actor, run):
    versions.register(actor, registry, "churn", "s3://bucket/model")

    with pytest.raises(Conflict, match="not pinned"):
        evidence.add(CI, registry, "scan", "churn", 1)
    with pytest.raises(NotFound):
        evidence.add(CI, registry, "scan", "churn", 2)
    with pytest.raises(NotFound, match="No version here"):
        evidence.add(CI, registry, "scan", digest="a" * 64)
    assert listed(registry, actor) == []


def test_a_reader_may_look_and_not_add(registry, reader, churn):
    assert evidence.page(reader, registry, "churn", 1).items == []
    with pytest.raises(PermissionDenied):
        evidence.add(reader, registry, "scan", "churn", 1)


# What is taken from a run ------------------------------------------------------------------------------------------


def test_registering_keeps_what_the_run_had_measured(registry, actor, run):
    measure(registry, actor, run, auc=0.75, loss=math.nan, cost=math.inf, f1=0.5)
    metrics.log(actor, registry, run, key="auc", value=0.875, timestamp=9, step=2)
    read(registry, actor, run, "train", "training")

    versions.register(CI, registry, "churn", f"runs:/{run}/model", run)
    measure(registry, actor, run, auc=0.99, later=1.0)

    (taken,) = listed(registry, actor)
    assert taken.values == {"auc": 0.875, "f1": 0.5}
    assert (taken.kind, taken.source, taken.passed, taken.producer) == ("run", "run", None, "ci")
    assert (taken.dataset_name, taken.dataset_digest) == ("train", "train-digest")
    assert taken.details == {"run_id": run}
    (event,) = events.page(actor, registry, kinds=["version.registered"])
    assert event.schema == 3
    assert event.payload["evidence"]["values"] == taken.values
    assert event.payload["evidence"]["evidence_id"] == taken.id
    assert event.payload["evidence"]["dataset_digest"] == "train-digest"
    assert events.page(actor, registry, kinds=["evidence"]) == []


def test_a_run_that_measured_nothing_or_is_not_here_is_no_evidence(registry, actor, run):
    measure(registry, actor, run, loss=math.nan)
    versions.register(actor, registry, "churn", f"runs:/{run}/model", run)
    versions.register(actor, registry, "churn", "s3://bucket/model", "f" * 32)

    assert listed(registry, actor, 1) == listed(registry, actor, 2) == []
    assert [each.payload["evidence"] for each in events.page(actor, registry, kinds=["version"])] == [None, None]


def test_what_a_run_measured_is_kept_whichever_way_the_source_names_its_files(registry, actor, run):
    measure(registry, actor, run, auc=0.5)
    root = runs.get(actor, registry, run).artifact_uri

    versions.register(actor, registry, "churn", f"{root}/model", run)

    assert [each.values for each in listed(registry, actor)] == [{"auc": 0.5}]


@pytest.mark.parametrize(
    ("contexts", "chosen"),
    [
        (["training", "validation"], "validation"),
        (["training", "test", "eval"], "eval"),
        ([None, "odd", "training"], "training"),
        (["odd", None], "odd"),
        (["test", "testing"], "test"),
        ([None], "None"),
    ],
)
def test_of_several_data_sets_the_one_that_metrics_are_measured_on_is_named(registry, actor, run, contexts, chosen):
    for context in contexts:
        read(registry, actor, run, str(context), context)

    versions.register(actor, registry, "churn", f"runs:/{run}/model", run)

    (taken,) = listed(registry, actor)
    assert (taken.dataset_name, taken.values) == (chosen, {})


def test_at_most_a_thousand_metrics_are_taken(registry, actor, run):
    with registry.database.write() as tx:
        for number in range(1002):
            tx.run(
                "INSERT INTO latest_metrics (run_id, key, timestamp, step, value, is_nan) VALUES (?, ?, 1, 0, ?, 0)",
                (run, f"m{number:04}", float(number)),
            )

    versions.register(actor, registry, "churn", f"runs:/{run}/model", run)

    assert list(listed(registry, actor)[0].values) == [f"m{number:04}" for number in range(1000)]


def test_a_copy_takes_nothing_and_has_what_there_is_about_its_bytes(registry, actor, run):
    measure(registry, actor, run, auc=0.5)
    versions.register(actor, registry, "churn", f"runs:/{run}/model", run)
    measure(registry, actor, run, auc=0.99)
    versions.register(actor, registry, "churn", "models:/churn/1")

    assert [each.values for each in listed(registry, actor, 2)] == [{"auc": 0.5}]


def test_a_version_that_is_pinned_later_keeps_what_its_run_has_measured_by_then(registry, actor, run):
    versions.register(actor, registry, "churn", f"runs:/{run}/late", run)
    measure(registry, actor, run, auc=0.5)
    root = runs.get(actor, registry, run).artifact_uri.removeprefix("mlflow-artifacts:/")
    store(registry, f"{root}/late/MLmodel", b"late")

    manifests.pin(actor, registry, "churn", 1)

    assert [each.values for each in listed(registry, actor)] == [{"auc": 0.5}]
    (event,) = events.page(actor, registry, kinds=["version.pinned"])
    assert (event.schema, event.payload["evidence"]["values"]) == (2, {"auc": 0.5})


def test_an_imported_version_has_what_its_run_has_measured(registry, actor, run):
    measure(registry, actor, run, auc=0.5)
    version = ImportedVersion(number=7, source=f"runs:/{run}/model", run_id=run)
    imports.bring_models(actor, registry, "there", [ImportedModel(name="brought", versions=[version])])

    (taken,) = evidence.page(actor, registry, "brought", 7).items
    assert (taken.kind, taken.values) == ("run", {"auc": 0.5})
    (event,) = events.page(actor, registry, kinds=["version.imported"])
    assert (event.schema, event.payload["evidence"]["values"]) == (2, {"auc": 0.5})


# What rules ask ----------------------------------------------------------------------------------------------------


@pytest.fixture
def several(registry: Registry, churn: str) -> int:
    """The id of the manifest that these are about, at the times 1, 2, …."""
    stranger = Actor("ci", "admin", False, "embedded")
    for number, (who, kind, given) in enumerate(
        [
            (CI, "validation", {"values": {"auc": 0.5}, "passed": True, "dataset_name": "a", "dataset_digest": "1"}),
            (CI, "validation", {"values": {"auc": 0.6}, "passed": False, "dataset_name": "a", "dataset_digest": "2"}),
            (stranger, "validation", {"values": {"auc": 0.7}, "passed": True}),
            (Actor("bob", "writer", True, "embedded"), "audit", {"values": {"auc": 0.8, "f1": 0.1}}),
        ],
        1,
    ):
        registry.clock = lambda number=number: number
        evidence.add(who, registry, kind, digest=churn, **given)
    return manifest_id(registry, churn)


@pytest.mark.parametrize(
    ("chosen", "value"),
    [
        ({}, 0.8),
        ({"kind": "validation"}, 0.7),
        ({"kind": "run"}, None),
        ({"producers": ["ci"]}, 0.6),
        ({"producers": ["ci", "bob"]}, 0.8),
        ({"producers": []}, None),
        ({"producers": ["nobody"]}, None),
        ({"dataset_name": "a"}, 0.6),
        ({"dataset_name": "a", "dataset_digest": "1"}, 0.5),
        ({"since": 4}, 0.8),
        ({"since": 5}, None),
        ({"since": 2, "producers": ["ci"], "kind": "validation", "dataset_name": "a"}, 0.6),
        ({"dataset_digest": "1"}, 0.5),
    ],
)
def test_the_newest_value_that_fits_is_found(registry, several, chosen, value):
    with registry.database.read() as tx:
        found = rows.newest_with(tx, several, "auc", **chosen)

    assert (None if found is None else found.value) == value


def test_a_key_that_newer_evidence_lacks_is_found_in_older(registry, several):
    evidence.add(CI, registry, "validation", "churn", 1, values={"auc": 0.9})
    with registry.database.read() as tx:
        found = rows.newest_with(tx, several, "f1")
        assert (found.value, found.producer, found.kind, found.passed) == (0.1, "bob", "audit", None)
        assert rows.newest_with(tx, several, "f2") is None
        assert rows.newest_with(tx, several + 1, "f1") is None


@pytest.mark.parametrize(
    ("kind", "chosen", "passed"),
    [
        ("validation", {}, True),
        ("validation", {"producers": ["ci"]}, False),
        ("validation", {"dataset_digest": "1"}, True),
        ("audit", {}, None),
        ("audit", {"since": 5}, "none"),
        ("scan", {}, "none"),
    ],
)
def test_the_newest_of_a_kind_says_whether_it_passed(registry, several, kind, chosen, passed):
    with registry.database.read() as tx:
        found = rows.newest(tx, several, kind, **chosen)

    assert ("none" if found is None else found.passed) == passed


def test_what_is_taken_from_a_run_is_nobodys_word(registry, run):
    measure(registry, CI, run, auc=0.5)
    versions.register(CI, registry, "churn", f"runs:/{run}/model", run)
    found = manifest_id(registry, manifests.get(CI, registry, "churn", 1).digest)

    with registry.database.read() as tx:
        assert rows.newest_with(tx, found, "auc").value == 0.5
        assert rows.newest_with(tx, found, "auc", kind="run").source == "run"
        assert rows.newest_with(tx, found, "auc", producers=["ci"]) is None


def test_whether_a_data_set_is_named_is_known(registry, actor, churn):
    found = manifest_id(registry, churn)
    with registry.database.read() as tx:
        assert rows.newest(tx, found, has_dataset=True) is None
    evidence.add(CI, registry, "scan", "churn", 1)
    with registry.database.read() as tx:
        assert rows.newest(tx, found, has_dataset=True) is None
    evidence.add(CI, registry, "scan", "churn", 1, dataset_name="holdout", dataset_digest="d1")
    with registry.database.read() as tx:
        assert rows.newest(tx, found, has_dataset=True).dataset_digest == "d1"
