"""Models in skops' format: a zip of JSON and arrays, which names the types that loading will make objects of."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from modelkeep.domain.trusted_types import OURS
from modelkeep.flavors import bounds
from modelkeep.flavors.errors import MissingPackage, NotAModel, Untrusted

# Whatever a file that was tampered with makes skops stumble over.
_STUMBLES = (
    AttributeError, ImportError, IndexError, KeyError, OverflowError, RecursionError, TypeError, ValueError, MemoryError,
    AssertionError, zipfile.BadZipFile, EOFError, OSError,
)  # fmt: skip


class NotHeld(Exception):
    """skops cannot hold a model; the message says why."""


def dump(model: Any, path: Path) -> list[str]:
    """Write a model, and return the names of the types in it that skops does not trust by default.

    Raises:
        NotHeld: skops cannot write it, or nothing could load what it wrote.
    """
    skops = _skops()
    try:
        skops.dump(model, path)
        types = skops.get_untrusted_types(file=path)
        for name in types:
            if name.startswith("__main__."):
                raise NotHeld(f"{name} is defined in the program itself, where nothing else can import it")
        # Functions without a name, for example, can be written but never loaded.
        skops.load(path, trusted=types)
    except _STUMBLES as error:
        path.unlink(missing_ok=True)
        raise NotHeld(str(error)) from error
    except NotHeld:
        path.unlink(missing_ok=True)
        raise
    return types


def load(path: Path, trusted_types: Iterable[str], trust: bool) -> Any:
    """The model in a file.

    Args:
        trusted_types: names of types to trust besides skops' own and `trusted_types.OURS`.
        trust: trust every type, and every number.
    Raises:
        Untrusted: it has types that nobody has vouched for.
        Unsafe: its numbers would lead a prediction out of the model.
        NotAModel: it cannot be read.
    """
    skops = _skops()
    trusted = {*trusted_types, *OURS}
    try:
        with path.open("rb") as file:
            types = _types(skops, path)
            unknown = sorted(set(types) - trusted)
            if unknown and not trust:
                raise _untrusted(path, unknown)
            model = skops.load(file, trusted=types if trust else sorted(trusted))
        if not trust:
            bounds.check(model)
    except _STUMBLES as error:
        if isinstance(error, ModuleNotFoundError):
            raise MissingPackage(
                f"'{path.name}' needs the package '{error.name}', which is not installed here."
            ) from error
        raise NotAModel(f"'{path.name}' cannot be read as a skops file: {type(error).__name__}: {error}.") from error
    return model


def _types(skops: Any, path: Path) -> list[str]:
    return skops.get_untrusted_types(file=path)


def _untrusted(path: Path, types: list[str]) -> Untrusted:
    named = ", ".join(types[:20]) + (f" and {len(types) - 20} more" if len(types) > 20 else "")
    return Untrusted(
        f"'{path.name}' has objects of types that are not trusted: {named}. If you know what they do, and where the file "
        f"comes from, name them with trusted_types={types[:20]!r}; trust=True accepts whatever is in it, for this call.",
        tuple(types),
    )


def _skops() -> Any:
    try:
        import skops.io
    except ModuleNotFoundError as error:
        raise MissingPackage(
            f"The package '{error.name}' is not installed; models of scikit-learn are kept with skops. "
            "Install modelkeep[sklearn]."
        ) from error
    return skops.io
