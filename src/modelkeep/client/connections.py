"""From an address to a transport, one for all clients of a process that name the same registry."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from modelkeep.client import environment
from modelkeep.domain.errors import Invalid

if TYPE_CHECKING:
    from modelkeep.client.calls import Transport

DEFAULT_FOLDER = "modelkeep-data"
DATABASE = "modelkeep.db"

_chosen: str | None = None
_open: dict[str, Transport] = {}
_lock = threading.Lock()
_noticed = False


def choose(uri: str | os.PathLike[str] | None) -> None:
    """Make an address the one to use when none is named, in this process; None takes that back."""
    global _chosen
    _chosen = None if uri is None else os.fspath(uri) or None


def current_uri() -> str:
    """The registry to use when none is named: the chosen one, else that of the environment."""
    return _chosen or default_uri()


def default_uri() -> str:
    """The registry to use when none is named; the folder in the working directory comes with a notice, once."""
    global _noticed
    named = environment.uri()
    if named is not None:
        return named
    if not _noticed:
        _noticed = True
        print(
            f"Modelkeep: no registry was named, so this one is used: ./{DEFAULT_FOLDER}. "
            "Name another with MODELKEEP_URI or set_tracking_uri().",
            file=sys.stderr,
        )
    return DEFAULT_FOLDER


def open_transport(uri: str | os.PathLike[str]) -> Transport:
    """The transport to the registry at an address, made at its first use.

    Args:
        uri: `http://…`, `https://…`, a data folder, or `sqlite:///path` of a data folder or the database in it.
    Raises:
        Invalid: it is none of these.
    """
    address = os.fspath(uri)
    folder = folder_of(address)
    if folder is not None:
        address = str(folder)
    with _lock:
        transport = _open.get(address)
        if transport is None:
            transport = _open[address] = _make(address)
        return transport


def _make(address: str) -> Transport:
    if address.startswith(("http://", "https://")):
        from modelkeep.client.http import HttpTransport

        return HttpTransport(address)
    from modelkeep.client.embedded import EmbeddedTransport

    return EmbeddedTransport(Path(address))


def folder_of(address: str) -> Path | None:
    """The data folder that an address names, None when it is a server's.

    It is absolute, so that changing the working directory changes nothing.

    Raises:
        Invalid: it is no address.
    """
    if address.startswith(("http://", "https://")):
        return None
    scheme, colon, rest = address.partition(":")
    if not address.strip():
        raise Invalid("The address of a registry cannot be empty: give http://host:port, or a folder.")
    if colon and scheme == "sqlite":
        if not rest.startswith("///"):
            raise Invalid(
                f"'{address}' is not an address: write it as sqlite:///folder, or sqlite:////absolute/folder."
            )
        path = Path(unquote(rest.removeprefix("///")))
    elif colon and scheme == "file":
        path = Path(unquote(urlsplit(address).path))
    elif colon and "//" in rest[:2] and len(scheme) > 1:
        raise Invalid(
            f"'{address}' is not an address of a registry: give http://host:port, a folder, or sqlite:///folder."
        )
    else:
        path = Path(address).expanduser()
    if path.suffix == ".db" and not path.is_dir():
        if path.name != DATABASE:
            raise Invalid(
                f"'{address}' names a database that is not Modelkeep's, whose is {DATABASE} in a data folder. "
                "Give the folder."
            )
        path = path.parent
    return path.resolve()


def close_all() -> None:
    """Close every transport of this process; clients open them again when they are used."""
    with _lock:
        for transport in _open.values():
            transport.close()


def _forget_after_fork() -> None:
    """In a forked child: connections and database files belong to the parent, and sharing them would break both."""
    global _lock
    _lock = threading.Lock()
    for transport in _open.values():
        transport.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
