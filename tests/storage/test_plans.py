"""How SQLite goes about a search that few rows meet: it walks nothing that grows."""

import re

import pytest

from modelkeep.domain.searching import ATTRIBUTE, DATASET, INTEGER, NUMBER, VOCABULARIES
from modelkeep.registry import searching
from modelkeep.storage import (
    events,
    evidence,
    experiments,
    leads,
    logged_models,
    manifests,
    metrics,
    models,
    runs,
    versions,
)
from modelkeep.storage.sqlite import Transaction

ROWS = {
    "models": models.page,
    "versions": versions.page,
    "experiments": experiments.page,
    "runs": runs.page,
    "logged_models": logged_models.page,
}
SCOPES = {
    "experiments": (experiments.seen_in("ACTIVE_ONLY"), {}),
    "runs": runs.scope([1], "ACTIVE_ONLY"),
    "logged_models": logged_models.scope([1]),
}
# A whole table, or all that one experiment or model has: by the name of the table in the statement.
WALKS = re.compile(
    r"SCAN [a-z]+( USING (COVERING )?INDEX .*)?$"
    r"|SEARCH [rl] USING INDEX (runs|logged_models)_of_experiment \(experiment_id=\?( AND lifecycle_stage=\?)?\)"
)
# Tables of the statement itself: what was found already, and lists of values.
SMALL = re.compile(r"SCAN (found|every|counted|newest|n|ids|pair|json_each|moment|measured|chosen)\b")


class Recording(Transaction):
    """A transaction that notes the plan of each statement before running it."""

    __slots__ = ("plans",)

    def __init__(self, connection):
        super().__init__(connection)
        self.plans = []

    def one(self, sql, parameters):
        self._note(sql, parameters)
        return super().one(sql, parameters)

    def all(self, sql, parameters):
        self._note(sql, parameters)
        return super().all(sql, parameters)

    def _note(self, sql, parameters):
        steps = self._connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)
        self.plans.append((sql, [step[3] for step in steps]))

    def walks(self):
        return [
            (step, sql) for sql, steps in self.plans for step in steps if WALKS.match(step) and not SMALL.match(step)
        ]


def recorded(sqlite_libraries, noun, text, order_by=None):
    tx = Recording(sqlite_libraries(1).connection)
    scope, parameters = SCOPES.get(noun, ("", {}))
    searching.page(tx, noun, ROWS[noun], text, 10, order_by, None, scope=scope, scope_parameters=parameters)
    return tx


def selective(noun):
    """Comparisons that no row meets, of every word that documentation says has an index."""
    vocabulary = VOCABULARIES[noun]
    words = [(ATTRIBUTE, term.name, term.name, term) for term in dict.fromkeys(vocabulary.attributes.values())]
    words += [(kind, "k", f"{kind}.k", term) for kind, term in vocabulary.kinds.items()]
    words += [(DATASET, name, f"dataset.{name}", term) for name, term in vocabulary.datasets.items()]
    for kind, key, name, term in words:
        if not leads.has_index(noun, kind, key):
            continue
        if term.type in (INTEGER, NUMBER):
            yield f"{name} = 77"
            if (noun, name) not in leads.WALKED:
                yield f"{name} IN (77, 78)"
            yield f"{name} > 7e200" if term.type == NUMBER and kind != ATTRIBUTE else f"{name} > 77"
        else:
            yield f"{name} = 'nobody'"
            yield f"{name} IN ('nobody', 'nothing')"
            if (noun, name) not in HAVE_NO_BEGINNINGS:
                yield f"{name} LIKE 'nobody%'"


# Words of few values, whose index leaves one of them out.
HAVE_NO_BEGINNINGS = {("models", "current_stage"), ("versions", "current_stage"), ("versions", "status")}
SELECTIVE = [(noun, text) for noun in VOCABULARIES for text in selective(noun)]


@pytest.mark.parametrize(("noun", "text"), SELECTIVE)
def test_a_search_for_what_no_row_has_walks_nothing(sqlite_libraries, noun, text):
    assert recorded(sqlite_libraries, noun, text).walks() == []


@pytest.mark.parametrize(
    ("noun", "text"), [each for each in SELECTIVE if (each[0], each[1].split()[0]) not in leads.WALKED]
)
def test_nor_does_it_among_other_conditions_and_in_another_order(sqlite_libraries, noun, text):
    order_by = None if noun == "logged_models" else ["name DESC" if noun != "runs" else "end_time"]
    other = {"models": "description", "versions": "description", "runs": "user_id"}.get(noun, "name")
    combined = f"NOT tags.x = 'y' AND {other} != 'z' AND ({text} OR {text})"
    assert recorded(sqlite_libraries, noun, combined, order_by).walks() == []


@pytest.mark.parametrize("noun", VOCABULARIES)
def test_what_is_called_a_walk_here_is_one(sqlite_libraries, noun):
    other = {"models": "description", "versions": "description", "runs": "user_id"}.get(noun, "status_message")
    text = "artifact_location = 'nowhere'" if noun == "experiments" else f"{other} = 'nothing'"
    assert recorded(sqlite_libraries, noun, text).walks()


@pytest.mark.parametrize("text", ["name = 'a' AND tags.k = 'nobody'", "name = 'a' AND current_stage = 'Archived'"])
def test_a_search_of_one_model_looks_at_what_few_of_its_versions_have(sqlite_libraries, text):
    plans = recorded(sqlite_libraries, "versions", text).plans
    assert not any("of_model_by_update" in step for _, steps in plans for step in steps), plans


def test_the_newest_of_each_stage_are_read_from_an_index_alone(sqlite_libraries):
    tx = Recording(sqlite_libraries(1).connection)
    versions.latest(tx, [1, 2])
    assert tx.walks() == []
    by_stage = [step for _, steps in tx.plans for step in steps if "versions_by_stage" in step]
    assert len(by_stage) == 4
    assert all("COVERING INDEX" in step for step in by_stage)


@pytest.mark.parametrize(
    "asked",
    [
        {"after": 5},
        {"after": 5, "model_ids": [1]},
        {"after": 5, "actor": "nobody"},
        {"after": 5, "kinds": ["model.created"]},
    ],
)
def test_events_are_found_after_a_position(sqlite_libraries, asked):
    tx = Recording(sqlite_libraries(1).connection)
    events.page(tx, limit=10, **asked)
    events.recent(tx, before=5, limit=10, **{key: value for key, value in asked.items() if key != "after"})
    assert tx.walks() == []
    assert all("USE TEMP B-TREE" not in step for sql, steps in tx.plans for step in steps if "IN (" not in sql), (
        tx.plans
    )


def test_single_rows_and_histories_are_found_by_their_keys(sqlite_libraries):
    tx = Recording(sqlite_libraries(1).connection)
    models.find(tx, "a")
    models.newest_deleted(tx, "a")
    models.ids_ever_named(tx, "a")
    versions.find(tx, "a", 1)
    versions.find_by_alias(tx, "a", "champion")
    versions.find_newest(tx, 1)
    versions.numbers_in_stage(tx, 1, "Production")
    runs.find(tx, "r01")
    runs.find_source(tx, "r01")
    runs.with_data(tx, [run for run in [runs.find(tx, "r01")] if run])
    metrics.history(tx, "r01", "k", 10, [1, 1, 1.0, 0])
    experiments.find_by_name(tx, "a")
    logged_models.find_of_run(tx, "r01", "a")
    assert tx.walks() == []


def test_the_next_manifests_are_read_by_their_ids(sqlite_libraries):
    tx = Recording(sqlite_libraries(1).connection)
    manifests.digests_above(tx, 1, 10)

    [(_, steps)] = tx.plans
    assert steps[0] == "SEARCH manifest_files USING PRIMARY KEY (manifest_id>? AND manifest_id<?)"
    assert [step for step in steps if "TEMP B-TREE" in step] == []


def test_what_a_rule_asks_of_evidence_is_found_in_an_index(sqlite_libraries):
    tx = Recording(sqlite_libraries(1).connection)
    evidence.newest_with(tx, 1, "auc")
    evidence.newest_with(tx, 1, "auc", kind="x", producers=["ci"], dataset_name="d", since=1)
    evidence.newest(tx, 1, "x", producers=["ci"])
    evidence.newest(tx, 1, has_dataset=True)
    evidence.page(tx, manifest_id=1, limit=5)
    evidence.page(tx, manifest_id=1, kind="x", before=9, limit=5)
    evidence.of_run(tx, "r")

    assert tx.walks() == []
    asked = [step for sql, steps in tx.plans if "latest_metrics" not in sql for step in steps]
    assert [step for step in asked if "TEMP B-TREE" in step] == []  # the first row found is the newest
    assert asked[0] == "SEARCH v USING PRIMARY KEY (manifest_id=? AND key=?)"
