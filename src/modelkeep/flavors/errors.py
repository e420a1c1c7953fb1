"""What can be wrong with a model's files, besides what `modelkeep.domain.errors` has.

ModelkeepError
├── Untrusted               loading would run code, or make objects of types, that nobody has vouched for
└── Invalid
    ├── NotAModel           no MLmodel file, or one that cannot be read
    ├── Unsafe              the numbers in the files would make a prediction read memory that is not the model's
    ├── SchemaMismatch      the data is not what the model's signature says
    └── MissingPackage      a package that the model needs is not installed
"""

from __future__ import annotations

from modelkeep.domain.errors import Invalid, ModelkeepError


class Untrusted(ModelkeepError):
    """Loading would run code, or make objects of types, that nobody has vouched for.

    Args:
        types: their names, in order; empty when it is code.
    """

    code = "PERMISSION_DENIED"

    def __init__(self, message: str, types: tuple[str, ...] = ()):
        super().__init__(message)
        self.types = types


class NotAModel(Invalid):
    """A folder holds no model, or not one of the flavor asked for."""


class Unsafe(Invalid):
    """The numbers in a model's files would make a prediction read memory that is not the model's."""


class SchemaMismatch(Invalid):
    """Data is not what a model's signature says."""


class MissingPackage(Invalid):
    """A package that a model needs is not installed."""
