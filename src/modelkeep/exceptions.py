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
from modelkeep.flavors.errors import MissingPackage, NotAModel, SchemaMismatch, Unsafe, Untrusted

# The name that programs written for MLflow catch.
MlflowException = ModelkeepError

__all__ = [
    "AlreadyExists",
    "Conflict",
    "DigestMismatch",
    "Gone",
    "Invalid",
    "MissingPackage",
    "MlflowException",
    "ModelkeepError",
    "NotAModel",
    "NotFound",
    "NotImplementedHere",
    "OutOfSpace",
    "PermissionDenied",
    "SchemaMismatch",
    "TooLarge",
    "Unauthenticated",
    "Unavailable",
    "Unsafe",
    "Untrusted",
]
