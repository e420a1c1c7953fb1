"""Every error that the SDK raises, the same over HTTP and in process; the tree is in `modelkeep.domain.errors`."""

from modelkeep.domain.errors import (
    AlreadyExists,
    Conflict,
    DigestMismatch,
    Gone,
    Invalid,
    ModelkeepError,
    NotFound,
    NotImplementedHere,
    OutOfSpace,
    PermissionDenied,
    TooLarge,
    Unauthenticated,
    Unavailable,
)

# The name that programs written for MLflow catch.
MlflowException = ModelkeepError

__all__ = [
    "AlreadyExists",
    "Conflict",
    "DigestMismatch",
    "Gone",
    "Invalid",
    "MlflowException",
    "ModelkeepError",
    "NotFound",
    "NotImplementedHere",
    "OutOfSpace",
    "PermissionDenied",
    "TooLarge",
    "Unauthenticated",
    "Unavailable",
]
