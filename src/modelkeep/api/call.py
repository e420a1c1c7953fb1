"""What a call of the HTTP API is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class Request(msgspec.Struct):
    """The parent of request shapes.

    Every field has a default: protobuf's JSON treats null and absence alike, and what is required is named in the
    call, so that MLflow's own sentence can be said. The field names are the verb's argument names.
    """


class Reply(msgspec.Struct, omit_defaults=True):
    """The parent of reply shapes: unset fields and empty lists are left out, as protobuf's JSON does."""


class Empty(Request):
    """A request without fields."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the API.

    Attributes:
        method, path: the path stands below `/api/2.0/` (and `/ajax-api/2.0/`) and may hold `{field}` parts.
        request: its fields become the verb's arguments.
        verb: `noun.verb` in `modelkeep.registry`, as text, so that the SDK can read the table without the server.
        reply: turns what the verb returns into a reply shape; None answers `{}`.
        action: as in `domain.actors.require`.
        resource: what is acted on.
        summary: one sentence for the API's documentation.
        required: fields that must be there and not empty.
        shape: the reply's type, for the documentation.
        cost: `point` for a bounded read, answered at once; `scan` for a read that goes to a thread.
        creates: it takes an Idempotency-Key.
        is_long: a write that may take longer than an event loop can spare.
        is_detached: it waits for the disk between transactions of its own, so it runs in a thread and in no batch.
        is_addressed: its reply is also given the address by which the client reaches the server.
        waits: it is a long poll: it has a field `wait`, in seconds, which the edge keeps for itself.
        version: the major version in the path.
    """

    method: Literal["GET", "POST", "PATCH", "DELETE", "PUT"]
    path: str
    request: type[Request]
    verb: str
    action: Literal["read", "write", "approve", "govern", "override", "administer"]
    resource: str
    summary: str
    reply: Callable[..., Reply] | None = None
    shape: type[Reply] | None = None
    required: tuple[str, ...] = ()
    cost: Literal["point", "scan"] = "scan"
    creates: bool = False
    is_long: bool = False
    is_detached: bool = False
    is_addressed: bool = False
    waits: bool = False
    version: str = "2.0"

    @property
    def frees(self) -> bool:
        """Whether it deletes, and so must go on when the disk is full."""
        return self.verb.partition(".")[2].startswith("delete")
