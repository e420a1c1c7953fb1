"""On PostgreSQL an index serves each search that one serves on SQLite."""

import re

import pytest

from modelkeep.registry import opening, searching
from modelkeep.storage import evidence, manifests, runs, versions
from modelkeep.storage.connections import Session
from tests.storage.test_plans import ROWS, SCOPES, SELECTIVE


class Recording:
    """A session as a transaction that notes the plan of each statement before running it."""

    def __init__(self, session):
        self.session = session
        self.plans = []

    def one(self, sql, parameters):
        rows = self.all(sql, parameters)
        return rows[0] if rows else None

    def all(self, sql, parameters):
        self.plans.append([row[0] for row in self.session.execute(f"EXPLAIN {sql}", parameters).fetchall()])
        return self.session.execute(sql, parameters).fetchall()

    def scans(self):
        """Tables that are read as a whole although that is the last resort: no index can serve."""
        return [line for plan in self.plans for line in plan if re.search(r"Seq Scan on (?!modelkeep)", line)]


@pytest.fixture(scope="module")
def session(cluster, tmp_path_factory):
    url = cluster.make()
    opening.prepare(tmp_path_factory.mktemp("data") / "data", database=url)
    session = Session(url)
    # An empty table is read fastest as it is; what matters is what is possible.
    session.command("SET enable_seqscan = off")
    yield session
    session.close()
    cluster.drop(url)


@pytest.mark.parametrize(("noun", "text"), SELECTIVE)
def test_a_search_for_what_no_row_has_needs_no_table_as_a_whole(session, noun, text):
    tx = Recording(session)
    scope, parameters = SCOPES.get(noun, ("", {}))
    searching.page(tx, noun, ROWS[noun], text, 10, None, None, scope=scope, scope_parameters=parameters)
    assert tx.plans
    assert tx.scans() == []


def test_the_newest_of_each_stage_are_read_from_an_index(session):
    tx = Recording(session)
    versions.latest(tx, [1, 2])
    assert tx.scans() == []
    assert any("versions_by_stage" in line for plan in tx.plans for line in plan)


def test_the_next_manifests_are_read_by_their_ids(session):
    tx = Recording(session)
    manifests.digests_above(tx, 1, 10)
    assert tx.scans() == []
    assert all("Sort" not in line for plan in tx.plans for line in plan)


def test_a_table_read_as_a_whole_is_seen(session):
    tx = Recording(session)
    tx.all("SELECT count(*) FROM versions v WHERE v.description = 'nothing' AND v.deleted_timestamp IS NOT NULL", {})
    assert tx.scans()


def test_what_a_rule_asks_of_evidence_is_found_in_an_index(session):
    tx = Recording(session)
    evidence.newest_with(tx, 1, "auc")
    evidence.newest_with(tx, 1, "auc", kind="x", producers=["ci"], dataset_name="d", since=1)
    evidence.newest(tx, 1, "x", producers=["ci"])
    evidence.newest(tx, 1, has_dataset=True)
    evidence.page(tx, manifest_id=1, limit=5)
    evidence.page(tx, manifest_id=1, kind="x", before=9, limit=5)
    evidence.of_run(tx, "r")
    runs.find_source(tx, "r")
    assert tx.scans() == []
