"""Everything that can be wrong, as one tree.

    ModelkeepError
    ├── Invalid                 400 INVALID_PARAMETER_VALUE
    ├── AlreadyExists           400 RESOURCE_ALREADY_EXISTS
    ├── NotFound                404 RESOURCE_DOES_NOT_EXIST
    ├── Unauthenticated         401 UNAUTHENTICATED
    ├── PermissionDenied        403 PERMISSION_DENIED
    │   └── Refused                 PERMISSION_DENIED, by a policy
    ├── Conflict                409 RESOURCE_CONFLICT
    ├── Gone                    410 DATA_LOSS
    │   └── DigestMismatch          DATA_LOSS, found by the reader
    ├── TooLarge                413 RESOURCE_EXHAUSTED
    ├── NotImplementedHere      501 NOT_IMPLEMENTED
    ├── OutOfSpace              507 RESOURCE_EXHAUSTED
    └── Unavailable             503 TEMPORARILY_UNAVAILABLE

Each message is a sentence for the caller: what is wrong, with the value, and what to do. The codes are MLflow's
(`mlflow/protos/databricks.proto`); the HTTP status is chosen in `modelkeep.api.errors`.
"""

from __future__ import annotations

from typing import Any


class ModelkeepError(Exception):
    """The parent of every error a caller can cause or must know about."""

    code = "INTERNAL_ERROR"

    def __init__(self, message: str):
        super().__init__(message)
        self.message = message

    @property
    def error_code(self) -> str:
        """The code, under the name that MLflow's exceptions have for it."""
        return self.code


class Invalid(ModelkeepError):
    """A value of the request is wrong."""

    code = "INVALID_PARAMETER_VALUE"


class AlreadyExists(ModelkeepError):
    """The name is taken. Stock clients go on when they see this code, so it is used for nothing else."""

    code = "RESOURCE_ALREADY_EXISTS"


class NotFound(ModelkeepError):
    """The thing named does not exist, or is deleted."""

    code = "RESOURCE_DOES_NOT_EXIST"


class Unauthenticated(ModelkeepError):
    """No token, or one that is unknown or revoked."""

    code = "UNAUTHENTICATED"


class PermissionDenied(ModelkeepError):
    """The actor may not do this."""

    code = "PERMISSION_DENIED"


class Refused(PermissionDenied):
    """A policy does not let a version move.

    `refusals` has a mapping for each rule that stands in the way, with `policy`, `revision`, `model`, `version`, `target`,
    `move`, `rule`, `outcome` and `reason`.
    """

    def __init__(self, message: str, refusals: list[dict[str, Any]] | None = None):
        super().__init__(message)
        self.refusals = refusals or []


class Conflict(ModelkeepError):
    """The state moved on, or an idempotency key was used for something else."""

    code = "RESOURCE_CONFLICT"


class Gone(ModelkeepError):
    """The bytes were here and are damaged: nobody gets them again before they are mended."""

    code = "DATA_LOSS"


class DigestMismatch(Gone):
    """Bytes that were read are not those that their digest names."""


class TooLarge(ModelkeepError):
    """The body is over a limit."""

    code = "RESOURCE_EXHAUSTED"


class NotImplementedHere(ModelkeepError):
    """A call that MLflow has and this server does not."""

    code = "NOT_IMPLEMENTED"


class OutOfSpace(ModelkeepError):
    """The disk is full; reads and deletes go on."""

    code = "RESOURCE_EXHAUSTED"


class Unavailable(ModelkeepError):
    """Saturation or a failing disk: nothing was changed, and trying again later may help."""

    code = "TEMPORARILY_UNAVAILABLE"
