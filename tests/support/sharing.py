"""Which tests one worker of pytest-xdist does, so that what they share is made once and not by each worker."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

# All with the one server of MLflow's.
STOCK = ("tests/importing/test_servers.py", "tests/client/test_mlflow_server.py")
# Begun first, so that no worker has one of these left when the others are done.
LONGEST = (
    "tests/client/test_article_states.py",
    *STOCK,
    "tests/durability/test_faults.py",
    "tests/durability/test_kills.py",
    "tests/cli/test_backup.py",
)
# Of many long tests that share nothing: any worker does any of them.
APART = (
    *LONGEST[-3:],
    "tests/cli/test_database_servers.py",
    "tests/cli/test_events.py",
    "tests/cli/test_fsck.py",
    "tests/durability/test_full_disk.py",
    "tests/durability/test_two_servers.py",
    "tests/http/test_serving.py",
    "tests/importing/test_importing.py",
    "tests/importing/test_interrupted.py",
    "tests/registry/test_gate_machine.py",
    "tests/storage/test_postgres.py",
    "tests/storage/test_writer.py",
)


def file_of(nodeid: str) -> str:
    """The path of the file that a test is in."""
    return nodeid.partition("::")[0]


def rank(nodeid: str) -> int:
    """The smaller, the earlier it is begun."""
    file = file_of(nodeid)
    return LONGEST.index(file) if file in LONGEST else len(LONGEST)


class ByWhatTheyShare(LoadScopeScheduling):
    """A worker does a file, unless its tests share nothing."""

    def _split_scope(self, nodeid: str) -> str:
        file = file_of(nodeid)
        if file in STOCK:
            return "stock"
        return nodeid if file in APART else file
