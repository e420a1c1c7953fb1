"""Who calls, on the wire: `GET /api/2.0/modelkeep/whoami`."""

from __future__ import annotations

from modelkeep.api.call import Call, Empty, Reply
from modelkeep.domain.actors import Caller


class CallerReply(Reply):
    """`verified`: whether a token proved the name. `timestamp` is the server's clock, in UTC milliseconds."""

    name: str
    role: str
    verified: bool
    version: str
    timestamp: int


def _reply(caller: Caller) -> CallerReply:
    return CallerReply(caller.name, caller.role, caller.verified, caller.version, caller.timestamp)


CALLS = (
    Call(
        "GET", "modelkeep/whoami", Empty, "callers.describe", "read", "caller",
        "Who calls and with which role, and which version of Modelkeep answers.", _reply, CallerReply, cost="point",
    ),
)  # fmt: skip
