"""Models in pickle's format, whose loading runs whatever code the file says: only when the caller says trust=True."""

from __future__ import annotations

import pickle
import pickletools
import threading
from pathlib import Path
from typing import Any

from modelkeep.flavors.errors import MissingPackage, NotAModel, Untrusted

FORMATS = ("cloudpickle", "pickle")
# The names at the start of a file tell enough, and reading all of a large one takes long.
_NAMES_BYTES = 1024 * 1024
# What cloudpickle writes by value is a setting of the process.
_registering = threading.Lock()


def dump(model: Any, path: Path, format: str, by_value: tuple[Any, ...] = ()) -> None:
    """Write a model.

    Args:
        format: one of FORMATS; cloudpickle also holds what is defined in the program itself.
        by_value: modules whose classes are written into the file, so that loading does not need the module.
    """
    if format == "pickle":
        path.write_bytes(pickle.dumps(model, pickle.DEFAULT_PROTOCOL))
        return
    cloudpickle = cloudpickle_module()
    with _registering:
        for module in by_value:
            cloudpickle.register_pickle_by_value(module)
        try:
            path.write_bytes(cloudpickle.dumps(model, pickle.DEFAULT_PROTOCOL))
        finally:
            for module in by_value:
                cloudpickle.unregister_pickle_by_value(module)


def load(path: Path, trust: bool, compression: str | None = None) -> Any:
    """The object in a file.

    Raises:
        Untrusted: without `trust`.
        NotAModel: it cannot be read.
    """
    data = _decompressed(path, compression) if trust else b""
    if not trust:
        raise Untrusted(
            f"'{path.name}' is a pickle, and loading one runs the code it names"
            + (f" ({_sample(path)})" if compression is None else "")
            + ". The same holds for a file on this disk as for one from a server. If you know who made it, load it with "
            "trust=True, which accepts it for this call; or save the model in a safe format, such as skops."
        )
    try:
        return pickle.loads(data)
    except ModuleNotFoundError as error:
        raise MissingPackage(f"'{path.name}' needs the package '{error.name}', which is not installed here.") from error
    except (pickle.UnpicklingError, AttributeError, EOFError, ImportError, IndexError) as error:
        raise NotAModel(f"'{path.name}' cannot be read as a pickle: {type(error).__name__}: {error}.") from error


def _decompressed(path: Path, compression: str | None) -> bytes:
    data = path.read_bytes()
    if compression is None:
        return data
    if compression not in ("lzma", "bzip2", "gzip"):
        raise NotAModel(f"'{path.name}' is compressed with '{compression}', which is none of lzma, bzip2 and gzip.")
    import importlib

    return importlib.import_module({"bzip2": "bz2"}.get(compression, compression)).decompress(data)


def globals_of(data: bytes) -> list[str]:
    """The names that a pickle imports, as far as they can be told without running it."""
    found: dict[str, None] = {}
    texts: list[str] = []
    try:
        for opcode, argument, _ in pickletools.genops(data):
            if opcode.name in ("GLOBAL", "INST"):
                found[str(argument).replace(" ", ".")] = None
            elif opcode.name == "STACK_GLOBAL" and len(texts) >= 2:
                found[f"{texts[-2]}.{texts[-1]}"] = None
            elif isinstance(argument, str):
                texts = [*texts[-1:], argument]
    except ValueError:  # cut short, or not a pickle
        pass
    return list(found)


def _sample(path: Path) -> str:
    with path.open("rb") as file:
        names = globals_of(file.read(_NAMES_BYTES))
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "") if names else "none that can be told"


def cloudpickle_module() -> Any:
    """The package, imported when it is needed.

    Raises:
        MissingPackage: it is not installed.
    """
    try:
        import cloudpickle
    except ModuleNotFoundError as error:
        raise MissingPackage("The package 'cloudpickle' is not installed. Install modelkeep[sklearn].") from error
    return cloudpickle
