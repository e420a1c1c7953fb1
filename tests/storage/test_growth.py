"""What a call does not return costs nothing, counted in steps of SQLite's virtual machine instead of in time."""

import apsw
import pytest

from bench.growth import BOUNDED, OPERATIONS, Operation
from bench.populations import Population, fill
from modelkeep.domain.actors import Actor
from modelkeep.registry import opening, versions

SIZES = (1_000, 10_000)
# B-trees grow by a level now and then, and a population is not the same in all that a call returns.
FACTOR = 1.3
CALLS = 8
ACTOR = Actor("ann", "admin", True, "embedded")


class Counted:
    """A registry of a size, and the steps that its statements have taken."""

    def __init__(self, folder, versions):
        self.population = Population(versions)
        opening.prepare(folder)
        self.registry = opening.open_registry(folder)
        fill(self.registry, self.population)
        self.steps = 0
        with self.registry.database.read() as tx:
            for connection in (tx._connection, self.registry.database._writer):
                connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, self._add)

    def _add(self, event):
        self.steps += event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"]

    def cost(self, operation, first):
        """The steps of calls, numbered from `first`."""
        operation.call(self.registry, self.population, first)
        self.steps = 0
        for number in range(first + 1, first + 1 + CALLS):
            operation.call(self.registry, self.population, number)
        return self.steps


@pytest.fixture(scope="module")
def registries(tmp_path_factory):
    counted = [Counted(tmp_path_factory.mktemp("data") / "data", size) for size in SIZES]
    yield counted
    for each in counted:
        opening.close(each.registry)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.title)
def test_ten_times_as_much_takes_as_many_steps(registries, operation):
    small, large = (registry.cost(operation, 0) for registry in registries)
    assert 0 < large <= FACTOR * small


@pytest.mark.parametrize("operation", BOUNDED, ids=lambda operation: operation.title)
def test_more_hits_take_no_more_steps_than_to_fetch_them_all(registries, operation):
    small, large = (registry.cost(operation, 100) for registry in registries)
    assert 0 < large <= 10 * FACTOR * small


def test_steps_are_counted(registries):
    """A search that no index serves takes ten times as many, so the measure is one."""
    walking = Operation(
        "walks", lambda registry, _, number: versions.search(ACTOR, registry, "description = 'nothing'")
    )
    small, large = (registry.cost(walking, 0) for registry in registries)
    assert large > 8 * small
