"""What a command ends with, for scripts."""

from __future__ import annotations

from modelkeep.domain.errors import ModelkeepError, NotFound, PermissionDenied, Refused, Unauthenticated, Unavailable

OK = 0
REFUSED = 1
USAGE = 2
NOT_FOUND = 3
UNREACHABLE = 4
NOT_ALLOWED = 5
INTERRUPTED = 130

MEANINGS = {
    OK: "Done, or what was checked is right. Also when whoever reads the output stops reading.",
    REFUSED: "The registry or one of its policies refused, or what was checked is not right.",
    USAGE: "The command line is wrong; nothing was asked. `fsck` ends with it, too, when it cannot run.",
    NOT_FOUND: "What was named does not exist.",
    UNREACHABLE: "The registry does not answer, or cannot at the moment.",
    NOT_ALLOWED: "The token is missing, unknown or revoked, or its role does not allow this.",
    INTERRUPTED: "Ctrl-C.",
}


def of(error: ModelkeepError) -> int:
    """The code for an error."""
    if isinstance(error, NotFound):
        return NOT_FOUND
    if isinstance(error, Unavailable):
        return UNREACHABLE
    if isinstance(error, Refused):
        return REFUSED
    if isinstance(error, Unauthenticated | PermissionDenied):
        return NOT_ALLOWED
    return REFUSED
