"""Errors on the wire, in both directions: `{"error_code": …, "message": …}`."""

from __future__ import annotations

from typing import Any

import msgspec

from modelkeep.domain import errors
from modelkeep.domain.errors import ModelkeepError

# By class, because 413 and 507 share MLflow's code RESOURCE_EXHAUSTED.
STATUS: dict[type[ModelkeepError], int] = {
    errors.Invalid: 400,
    errors.AlreadyExists: 400,
    errors.NotFound: 404,
    errors.Unauthenticated: 401,
    errors.PermissionDenied: 403,
    errors.Conflict: 409,
    errors.Gone: 410,
    errors.TooLarge: 413,
    errors.NotImplementedHere: 501,
    errors.Unavailable: 503,
    errors.OutOfSpace: 507,
}


class ErrorShape(msgspec.Struct, omit_defaults=True):
    """The body of every answer that is not 200. `refusals` says, for each rule of a policy that refused, which and why."""

    error_code: str
    message: str
    refusals: list[dict[str, Any]] = []


def status_of(error: ModelkeepError) -> int:
    """The HTTP status of an error."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def encode(error: ModelkeepError) -> bytes:
    """The JSON body of an error."""
    refusals = error.refusals if isinstance(error, errors.Refused) else []
    return msgspec.json.encode(ErrorShape(error.code, error.message, refusals))


def decode(status: int, body: bytes) -> ModelkeepError:
    """The error that an answer other than 200 tells, of our server's or MLflow's.

    The class is that of the code, and of the status where several share a code or none is known.
    """
    try:
        told = msgspec.json.decode(body, type=ErrorShape)
        code, message = told.error_code, told.message
        if told.refusals:
            return errors.Refused(message, told.refusals)
    except msgspec.DecodeError:
        code, message = "", body[:500].decode("utf-8", "replace").strip()
    if status == 404 and not code:
        return EndpointNotFound(message or "There is no such path.")
    kinds = [kind for kind in STATUS if kind.code == (_ALIASES.get(code, code) or kind.code)]
    fitting = [kind for kind in kinds if STATUS[kind] == status]
    kind = next(iter(fitting or (kinds if code else ())), None)
    error = (kind or ModelkeepError)(message or f"The server answered {status} without a word.")
    if kind is None:
        error.code = code or ModelkeepError.code
    return error


# Codes that MLflow uses for the same, by those used here.
_ALIASES = {
    "ALREADY_EXISTS": "RESOURCE_ALREADY_EXISTS",
    "NOT_FOUND": "RESOURCE_DOES_NOT_EXIST",
    "BAD_REQUEST": "INVALID_PARAMETER_VALUE",
    "CUSTOMER_UNAUTHORIZED": "UNAUTHENTICATED",
    "ABORTED": "RESOURCE_CONFLICT",
}


class EndpointNotFound(ModelkeepError):
    """There is no such path; stock clients then try the next route of a call, or give up at once."""

    code = "ENDPOINT_NOT_FOUND"


class MethodNotAllowed(ModelkeepError):
    """The path exists, with other methods: those in `allowed`."""

    code = "ENDPOINT_NOT_FOUND"

    def __init__(self, message: str, allowed: tuple[str, ...] = ()):
        super().__init__(message)
        self.allowed = allowed


class WorkspacesDisabled(ModelkeepError):
    """A workspace was named, and this server has none. MLflow answers 500 here, which its client retries for minutes."""

    code = "FEATURE_DISABLED"


STATUS |= {EndpointNotFound: 404, MethodNotAllowed: 405, WorkspacesDisabled: 400}
