"""What saving is the same for every flavor: the folder, the signature, the example, and the files beside the model."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelkeep.domain.errors import Invalid
from modelkeep.flavors import environments, examples, locations, mlmodels, requirements
from modelkeep.flavors.errors import Untrusted
from modelkeep.flavors.inferring import infer_signature
from modelkeep.flavors.mlmodels import PYFUNC, MLmodel
from modelkeep.flavors.signatures import ModelSignature, as_signature

CODE = "code"


@dataclass(slots=True)
class Options:
    """What callers say about any model that is saved; the names are MLflow's.

    Attributes:
        signature: False for none, where it would be inferred from the example.
        input_example: kept beside the model; without a signature, its signature is the model's.
        code_paths: files and folders of Python code that the model needs; loading them needs trust.
    """

    signature: Any = None
    input_example: Any = None
    metadata: dict[str, Any] | None = None
    code_paths: list[str] | None = None
    conda_env: dict[str, Any] | str | None = None
    pip_requirements: list[str] | str | None = None
    extra_pip_requirements: list[str] | str | None = None


@dataclass(slots=True)
class Written:
    """What a flavor has written: the settings of its flavors, and the modules that loading them needs.

    `pyfunc` is None for a model that predicts nothing.
    """

    flavors: dict[str, dict[str, Any]]
    pyfunc: dict[str, Any] | None
    modules: set[str] = field(default_factory=set)


def save(
    path: str | os.PathLike[str],
    write: Callable[[Path], Written],
    predict: Callable[[Any, dict[str, Any] | None], Any] | None,
    options: Options,
    described: MLmodel | None = None,
) -> MLmodel:
    """Save a model into a new folder, which appears when it is complete.

    Args:
        write: writes the model's own files into a folder.
        predict: the model's answer to an example, for its signature; None when it has none.
        described: what is known of the model besides.
    Raises:
        Invalid: there is something at `path` already.
    """
    target = Path(path)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise Invalid(f"'{target}' exists and is not empty. Give another path, or delete it first.")
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name[:50]}-", dir=target.parent))
    try:
        model = _fill(folder, write, predict, options, described or MLmodel())
        mask = os.umask(0)
        os.umask(mask)
        folder.chmod(0o777 & ~mask)
        if target.is_dir():
            target.rmdir()
        folder.rename(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return model


def _fill(
    folder: Path,
    write: Callable[[Path], Written],
    predict: Callable[[Any, dict[str, Any] | None], Any] | None,
    options: Options,
    model: MLmodel,
) -> MLmodel:
    if options.input_example is not None:
        model.saved_input_example_info = examples.write(options.input_example, folder)
    model.signature = _signature(options, predict)
    model.metadata = options.metadata
    written = write(folder)
    code = _copy_code(options.code_paths, folder)
    model.flavors = {name: settings | {"code": code} for name, settings in written.flavors.items()}
    if written.pyfunc is not None:
        model.flavors[PYFUNC] = written.pyfunc | {"env": environments.ENV, "python_version": platform.python_version()}
        if code is not None or ("loader_module" in written.pyfunc and not written.flavors):
            model.flavors[PYFUNC]["code"] = code
    modules = written.modules | ({"pandas"} if _is_of_columns(model.signature) else set())
    needed = requirements.decided(
        requirements.pinned(modules), options.pip_requirements, options.extra_pip_requirements
    )
    model.model_size_bytes = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    mlmodels.write(model, folder)
    environments.write(folder, needed, options.conda_env)
    return model


def _signature(options: Options, predict: Callable[[Any, dict[str, Any] | None], Any] | None) -> ModelSignature | None:
    if options.signature is not None or options.input_example is None:
        return as_signature(options.signature)
    data, params = examples.split(options.input_example)
    output = None if predict is None else predict(data, params)
    return infer_signature(data, output, params)


def _is_of_columns(signature: ModelSignature | None) -> bool:
    return signature is not None and signature.inputs is not None and not signature.inputs.is_tensor_spec()


def _copy_code(paths: list[str] | None, folder: Path) -> str | None:
    if not paths:
        return None
    if isinstance(paths, (str, os.PathLike)):
        raise Invalid(f"code_paths must be a list of paths, got '{os.fspath(paths)}'. Write [{os.fspath(paths)!r}].")
    target = folder / CODE
    for each in paths:
        source = Path(each)
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
            shutil.copytree(source, target / source.resolve().name, ignore=ignored)
        elif source.is_file():
            target.mkdir(exist_ok=True)
            shutil.copyfile(source, target / source.name)
        else:
            raise Invalid(f"There is no code at '{source}'. Give files and folders that exist in code_paths.")
    return CODE


def add_code(folder: Path, settings: dict[str, Any], trust: bool) -> None:
    """Let Python import the code that was saved with a model, from the copy in its folder.

    Raises:
        Untrusted: there is some, and the caller does not trust it.
    """
    if not settings.get("code"):
        return
    path = locations.inside(folder, settings["code"])
    if not trust:
        names = ", ".join(sorted(each.name for each in path.iterdir())[:10])
        raise Untrusted(
            f"The model brings code of its own to run: {names}. If you know who wrote it, load the model with trust=True."
        )
    if str(path) not in sys.path:
        sys.path.insert(0, str(path))


def brings_code(model: MLmodel) -> bool:
    """Whether there is code beside a model that its objects may import later."""
    return any(settings.get("code") or "model_code_path" in settings for settings in model.flavors.values())
