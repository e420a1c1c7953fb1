"""The seam of the SDK: the name of a call and its arguments go in, its reply comes out.

A call is named by its verb. The two transports, `modelkeep.client.http` and `modelkeep.client.embedded`, take the same
arguments and return the same reply.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any, Protocol

from modelkeep.domain.errors import Invalid

if TYPE_CHECKING:
    from pathlib import Path

    from modelkeep.api.call import Call

# The calls of a noun are in the module of its name, but for these. The whole table would take longer to import than
# everything else together, and a program uses few of its nouns.
_MODULES = {
    "aliases": "models",
    "batches": "metrics",
    "blobs": "storage",
    "params": "runs",
    "parts": "uploads",
    "promotions": "versions",
    "run_imports": "imports",
    "versions.latest": "models",
}


@functools.cache
def of_verb(verb: str) -> Call:
    """The call of a verb; where it has two routes, the one that MLflow's newest clients take: the first.

    Raises:
        Invalid: there is none.
    """
    noun = verb.partition(".")[0]
    name = f"modelkeep.api.{_MODULES.get(verb) or _MODULES.get(noun) or noun}"
    try:
        calls: tuple[Call, ...] = getattr(import_module(name), "CALLS", ())
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        calls = ()
    for call in calls:
        if call.verb == verb:
            return call
    raise Invalid(f"There is no call '{verb}'. A call is named by its verb, as in 'models.get'.")


Progress = Callable[[int], None]


class Transport(Protocol):
    """One registry, reached in one way; used by any number of threads.

    Attributes:
        address: as a person would write it.
        is_local: whether its files are on a disk of this machine.
    """

    address: str
    is_local: bool

    def call(self, verb: str, arguments: dict[str, Any]) -> Any:
        """The reply shape of a call; None for one without. Arguments that are None are as if not given.

        Raises:
            ModelkeepError: what the verb refused; Unavailable when the registry cannot be reached.
        """

    def send(self, path: str, file: Path, digest: str, size: int, progress: Progress) -> None:
        """Store the bytes of a file, which are known to have this digest and size, at a path below the artifact root.

        Args:
            progress: told how many more bytes are there.
        """

    def fetch(self, path: str, to: IO[bytes], progress: Progress, digest: str | None = None) -> str | None:
        """Append the bytes of the file at a path to what is in `to`, an empty file or the beginning of the same one.

        Args:
            digest: of the file, if it is known: without it nothing tells whether `to` is its beginning.
        Returns:
            the SHA-256 that its bytes must have; None when the server does not tell.
        Raises:
            NotFound: there is no such file.
        """

    def remove(self, path: str) -> None:
        """Delete the file at a path; one that is not there is no error."""

    def close(self) -> None:
        """Let go of connections and files; the next call opens new ones."""

    def forget(self) -> None:
        """Let go of them without closing them, in a process that was forked from the one that opened them."""
