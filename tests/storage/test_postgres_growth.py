"""On PostgreSQL too what a call does not return costs nothing: counted in blocks and index entries instead of in time."""

import contextlib

import psycopg
import pytest

from bench.growth import BOUNDED, OPERATIONS, Operation
from bench.populations import Population, fill
from modelkeep.domain.actors import Actor
from modelkeep.registry import opening, versions

SIZES = (1_000, 10_000)
# An index of a larger table is a level higher, so that each row found in it costs a block more.
FACTOR = 1.6
CALLS = 8
# Of two indexes that both begin with the model PostgreSQL takes either, until its first ANALYZE.
NEED_STATISTICS = {
    "search versions of the largest model in Production",
    "search versions of the largest model, one in ten",
    "search versions by a run's metric, one in fifty",
}
ACTOR = Actor("ann", "admin", True, "embedded")
_READ = """
    SELECT cast(sum(pg_stat_get_blocks_fetched(c.oid) + pg_stat_get_tuples_returned(c.oid)) AS bigint)
    FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'i')
"""


class Counted:
    """A registry of a size, and what its statements have read.

    Args:
        state: `analyzed`; `unknown`, filled but without statistics; or `grown`, when every statement was planned while the
            tables were empty, and the plans are still in use.
    """

    def __init__(self, cluster, folder, versions, state):
        self.state = state
        self.population = Population(versions)
        self.url = cluster.make()
        opening.prepare(folder, database=self.url)
        self.registry = opening.open_registry(folder, database=self.url)
        self.command(
            "DO $$ DECLARE t text; BEGIN FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP "
            "EXECUTE format('ALTER TABLE %I SET (autovacuum_enabled = off)', t); END LOOP; END $$"
        )
        if state == "grown":
            for operation in (*OPERATIONS, *BOUNDED):
                for number in range(5):
                    with contextlib.suppress(Exception):  # there is nothing yet to be found
                        operation.call(self.registry, self.population, number)
        fill(self.registry, self.population)
        if state == "analyzed":
            self.command("VACUUM ANALYZE")

    def command(self, text):
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(text)

    def read(self):
        """Blocks and index entries that were read so far."""
        database = self.registry.database
        for session in (*database._sessions._idle, *([database._writing.session] if database._writing else [])):
            session.execute("SELECT 1 FROM pg_stat_force_next_flush()", {})
        return self.command(_READ).fetchone()[0]

    def cost(self, operation, first):
        """What calls read, numbered from `first`."""
        if self.state != "analyzed" and operation.title in NEED_STATISTICS:
            pytest.skip("needs statistics")
        operation.call(self.registry, self.population, first)
        before = self.read()
        for number in range(first + 1, first + 1 + CALLS):
            operation.call(self.registry, self.population, number)
        return self.read() - before


@pytest.fixture(scope="module", params=["analyzed", "unknown", "grown"])
def registries(request, cluster, tmp_path_factory):
    counted = [Counted(cluster, tmp_path_factory.mktemp("data") / "data", size, request.param) for size in SIZES]
    yield counted
    for each in counted:
        opening.close(each.registry)
        cluster.drop(each.url)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.title)
def test_ten_times_as_much_takes_as_many_reads(registries, operation):
    small, large = (registry.cost(operation, 0) for registry in registries)
    assert 0 < large <= FACTOR * small


@pytest.mark.parametrize("operation", BOUNDED, ids=lambda operation: operation.title)
def test_more_hits_take_no_more_reads_than_to_fetch_them_all(registries, operation):
    small, large = (registry.cost(operation, 100) for registry in registries)
    assert 0 < large <= 10 * FACTOR * small


def test_reads_are_counted(registries):
    """A search that no index serves takes ten times as many, so the measure is one."""
    walking = Operation(
        "walks", lambda registry, _, number: versions.search(ACTOR, registry, "description = 'nothing'")
    )
    small, large = (registry.cost(walking, 0) for registry in registries)
    assert large > 8 * small
