"""`modelkeep doctor`: does it work from here, and if not, why?"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import click

from modelkeep.cli import codes, outputs
from modelkeep.cli.clients import address, as_json
from modelkeep.client import connections, environment, uploads
from modelkeep.client.client import Client
from modelkeep.client.entities import Caller
from modelkeep.client.http import HttpTransport
from modelkeep.domain.errors import ModelkeepError, NotImplementedHere, Unauthenticated, Unavailable
from modelkeep.version import VERSION

SKEW_SECONDS = 5.0
_FILE_BYTES = 1024
_FOLDER = "modelkeep-doctor"
_COLORS = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "yellow"}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")

# What to do, by the name of the error of urllib3 or the system that a connection failed with.
_MENDS = {
    "NameResolutionError": "The name of the host is not known here: check its spelling, the network and the VPN.",
    "NewConnectionError": "Nothing listens there: check host and port, that `modelkeep serve` runs, and its --host.",
    "ConnectTimeoutError": "Nothing came back: check the address, and the firewalls on the way.",
    "ReadTimeoutError": "It listens and says nothing: check that it is a registry, and look at the server's log.",
    "SSLError": "Name the file with the server's certificate authority in MODELKEEP_CA, or use http:// if it has none.",
    "ProtocolError": "What listens there does not speak HTTP as expected: check the port, and try https://.",
}


@dataclass(frozen=True, slots=True)
class Check:
    """What was found: `status` is ok, warning, failed or skipped; `mend` is what to do about it."""

    check: str
    status: str
    message: str
    mend: str | None = None
    code: int = codes.OK


@click.command()
@address
@as_json
@click.pass_context
def doctor(context: click.Context, uri: str | None, as_json: bool) -> None:
    """Check that the registry can be used from here: address, connection, version, token and role, files, clock.

    A small file is sent, read back and deleted. Ends with 0 when nothing failed, else with the code that other commands
    would end with: 4 when the registry does not answer, 5 when it wants another token, and so on.
    """
    found: list[Check] = []
    for check in _checks(uri):
        found.append(check)
        if not as_json:
            _print(check)
    code = next((check.code for check in found if check.status == "failed"), codes.OK)
    if as_json:
        checks = [{key: value for key, value in asdict(check).items() if key != "code"} for check in found]
        outputs.document({"ok": code == codes.OK, "checks": checks})
    context.exit(code)


def _print(check: Check) -> None:
    if not sys.stdout.isatty():
        outputs.said_in_cells((check.check, check.status, check.message, check.mend))
        return
    status = outputs.colored(f"{check.status:<8}", _COLORS[check.status])
    click.echo(f"{status} {check.check:<10}  {outputs.cell(check.message)}")
    if check.mend:
        click.echo(f"{'':21}{outputs.cell(check.mend)}")


def _failed(check: str, error: ModelkeepError, mend: str | None = None) -> Check:
    return Check(check, "failed", error.message, mend, codes.of(error))


def _checks(uri: str | None) -> Iterator[Check]:
    place, origin = _place(uri)
    try:
        folder = connections.folder_of(place)
        if folder is not None and not (folder / connections.DATABASE).exists():
            yield Check(
                "address", "failed", f"There is no registry in the folder '{folder}', from {origin}.",
                "Name the address of a server or another data folder with --uri or MODELKEEP_URI.", codes.NOT_FOUND,
            )  # fmt: skip
            return
        client = Client(place)
    except ModelkeepError as error:
        yield _failed("address", error)
        return
    # Not `place`, which may hold a password.
    yield Check("address", "ok", f"{client.tracking_uri}, from {origin}.")
    try:
        transport = client.transport
        yield from _server(client, transport) if isinstance(transport, HttpTransport) else _folder(client)
    finally:
        client.transport.close()


def _place(uri: str | None) -> tuple[str, str]:
    if uri:
        return uri, "--uri"
    if os.environ.get("MODELKEEP_URI"):
        return os.environ["MODELKEEP_URI"], "MODELKEEP_URI"
    named = environment.uri()
    return (named, "MLFLOW_TRACKING_URI") if named else (connections.DEFAULT_FOLDER, "nowhere: it is the default")


def _folder(client: Client) -> Iterator[Check]:
    try:
        caller = client.whoami()
    except ModelkeepError as error:
        yield _failed("connection", error)
        return
    yield Check("connection", "ok", "The data folder is open, without a server.")
    yield Check("version", "ok", f"Modelkeep {caller.version}.")
    yield Check(
        "token", "ok", f"No token is needed: whoever may write to the folder is an administrator ({caller.name})."
    )
    yield _files(client)


def _server(client: Client, transport: HttpTransport) -> Iterator[Check]:
    started = time.monotonic()
    try:
        health = transport.probe("/health")
    except Unavailable as error:
        yield _failed("connection", error, _mend(error))
        return
    took = (time.monotonic() - started) * 1000
    if health.status == 200:
        yield Check("connection", "ok", f"The server answers in {took:,.0f} ms.")
    else:
        yield Check(
            "connection", "warning", f"Something answers with {health.status} to /health, which registries answer with 200.",
            "Check the path in the address, and what a proxy in front does.",
        )  # fmt: skip
    before = time.time()
    try:
        caller = client.whoami()
    except NotImplementedHere:
        yield from _other_server(client, transport, health.headers.get("Date"))
        return
    except ModelkeepError as error:
        yield _refusal(error)
        return
    yield _versions(caller)
    yield _token(client, caller)
    if caller.role == "reader":
        yield Check("files", "skipped", "A file can be sent only with the role writer.")
    else:
        yield _files(client)
    yield clock(caller.timestamp / 1000 - (before + time.time()) / 2)


def _mend(error: Unavailable) -> str | None:
    reason = getattr(error.__cause__, "reason", None) or error.__cause__
    return next((_MENDS[kind.__name__] for kind in type(reason).__mro__ if kind.__name__ in _MENDS), None)


def _refusal(error: ModelkeepError) -> Check:
    if not isinstance(error, Unauthenticated):
        return _failed("version", error)
    if environment.authorization() is None:
        return _failed("token", error, "Ask an administrator for a token, and put it in MODELKEEP_TOKEN.")
    return _failed(
        "token", error, f"{_token_variable()} holds it: replace it with a new one, without quotes or spaces."
    )


def _token_variable() -> str:
    names = ("MODELKEEP_TOKEN", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
    return next((name for name in names if os.environ.get(name)), "The address")


def _versions(caller: Caller) -> Check:
    if caller.version == VERSION:
        return Check("version", "ok", f"Modelkeep {VERSION} on both sides.")
    return Check(
        "version", "warning", f"The server is Modelkeep {caller.version}, this is {VERSION}.",
        "Install the server's version here if a command fails.",
    )  # fmt: skip


def _token(client: Client, caller: Caller) -> Check:
    if caller.verified:
        return Check("token", "ok", f"The token is that of '{caller.name}', with the role {caller.role}.")
    if urlsplit(client.tracking_uri).hostname in _LOOPBACK:
        return Check("token", "ok", f"No token is needed: you are '{caller.name}', with the role {caller.role}.")
    return Check(
        "token", "warning", f"Whoever reaches this server is '{caller.name}', with the role {caller.role}.",
        "Start it with --auth, and make tokens with `modelkeep tokens create`.",
    )  # fmt: skip


def _other_server(client: Client, transport: HttpTransport, date: str | None) -> Iterator[Check]:
    """What there is to say of a server that lacks Modelkeep's calls: it may be MLflow's."""
    try:
        client.search_experiments(max_results=1)
    except Unauthenticated as error:
        yield _refusal(error)
        return
    except ModelkeepError as error:
        yield _failed(
            "version", error,
            "This is no registry: check host, port and path. A registry that is served below a path needs it in the address.",
        )  # fmt: skip
        return
    told = transport.probe("/version")
    version = f" {told.data[:40].decode(errors='replace').strip()}" if told.status == 200 else ""
    yield Check(
        "version", "warning", f"This is not Modelkeep, or an older one; it speaks MLflow{version}.",
        "`events`, `verify`, `versions files` and `restore` do not work there. Everything else does.",
    )  # fmt: skip
    yield _files(client)
    with contextlib.suppress(TypeError, ValueError):
        yield clock(parsedate_to_datetime(date or "").timestamp() + 0.5 - time.time())


def _files(client: Client) -> Check:
    """Send a small file, read it back and delete it."""
    content, path = os.urandom(_FILE_BYTES), f"{_FOLDER}/{uuid.uuid4().hex}"
    read = io.BytesIO()
    try:
        with tempfile.TemporaryDirectory(prefix="modelkeep-") as folder:
            file = Path(folder) / "file"
            file.write_bytes(content)
            uploads.send_files(client.transport, [(file, path)])
        client.transport.fetch(path, read, _unseen)
        client.transport.remove(path)
    except ModelkeepError as error:
        return _failed("files", error)
    if read.getvalue() != content:
        return Check(
            "files", "failed", f"A file of {_FILE_BYTES:,} bytes was sent, and {len(read.getvalue()):,} other bytes came back.",
            "Look for a proxy that changes what it passes on, and run `modelkeep fsck` on the server.", codes.REFUSED,
        )  # fmt: skip
    return Check("files", "ok", "A small file was sent, read back and deleted.")


def _unseen(count: int) -> None:
    pass


def clock(skew: float) -> Check:
    """Whether the two clocks agree.

    Args:
        skew: seconds that the server's clock is ahead of this machine's.
    """
    if abs(skew) <= SKEW_SECONDS:
        return Check("clock", "ok", "The server's clock and this one agree.")
    which = "ahead of" if skew > 0 else "behind"
    return Check(
        "clock", "warning", f"The server's clock is {abs(skew):,.0f} s {which} the one of this machine.",
        "Let both take their time from the network (NTP): times of runs and events will not fit together otherwise.",
    )  # fmt: skip
