"""Python objects and functions that predict, in MLflow's own layout for them: a pickle, with the files it reads."""

from __future__ import annotations

import importlib.util
import inspect
import os
import shutil
import sys
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from modelkeep.domain.errors import Invalid
from modelkeep.flavors import locations, pickles, predictors, requirements, saving
from modelkeep.flavors.errors import MissingPackage, NotAModel, SchemaMismatch, Untrusted
from modelkeep.flavors.mlmodels import PYFUNC, MLmodel
from modelkeep.flavors.predictors import FunctionModel, ObjectModel, PythonModel, PythonModelContext
from modelkeep.flavors.publishing import ModelInfo, publish
from modelkeep.flavors.saving import Options, Written

LOADER = "mlflow.pyfunc.model"
FILE = "python_model.pkl"
# The model of a program is in a global of MLflow's.
_running = threading.Lock()


def save_model(
    path: str | os.PathLike[str],
    python_model: Any = None,
    artifacts: dict[str, str] | None = None,
    code_paths: list[str] | None = None,
    conda_env: dict[str, Any] | str | None = None,
    signature: Any = None,
    input_example: Any = None,
    pip_requirements: list[str] | str | None = None,
    extra_pip_requirements: list[str] | str | None = None,
    metadata: dict[str, Any] | None = None,
    model_config: dict[str, Any] | None = None,
    *,
    described: MLmodel | None = None,
) -> MLmodel:
    """Save a Python object or function that predicts into a new folder, with cloudpickle: nothing else can hold code.

    Args:
        python_model: a PythonModel, ours or MLflow's, an object with a method `predict`, or a function of data.
        artifacts: local paths of files and folders by name, copied into the model and found in `context.artifacts`.
        signature: from `infer_signature`; by default that of the example, and False for none.
        input_example: kept beside the model.
        model_config: found in `context.model_config`.
        described: what is known of the model besides.
    Raises:
        Invalid: the folder is not empty, or the object does not predict.
    """
    model = _as_python_model(python_model)
    given = {name: _existing(name, source) for name, source in (artifacts or {}).items()}
    context = PythonModelContext({name: str(source) for name, source in given.items()}, model_config)

    def write(folder: Path) -> Written:
        pickles.dump(model, folder / FILE, "cloudpickle", by_value=(predictors,))
        settings: dict[str, Any] = {
            "loader_module": LOADER,
            "python_model": FILE,
            "cloudpickle_version": pickles.cloudpickle_module().__version__,
            "streamable": False,
        }
        if given:
            settings["artifacts"] = {name: _copied(name, source, folder) for name, source in given.items()}
        if model_config:
            settings["config"] = model_config
        named = pickles.globals_of((folder / FILE).read_bytes())
        return Written({}, settings, {"cloudpickle", *named} | _without_ours(requirements.modules_of(model)))

    def predict(data: Any, params: dict[str, Any] | None) -> Any:
        model.load_context(context)
        return _predictor(model, context)(data, params)

    options = Options(
        signature, input_example, metadata, code_paths, conda_env, pip_requirements, extra_pip_requirements
    )
    return saving.save(path, write, predict, options, described)


def log_model(
    artifact_path: str | None = None,
    python_model: Any = None,
    artifacts: dict[str, str] | None = None,
    code_paths: list[str] | None = None,
    conda_env: dict[str, Any] | str | None = None,
    registered_model_name: str | None = None,
    signature: Any = None,
    input_example: Any = None,
    await_registration_for: int | None = 300,
    pip_requirements: list[str] | str | None = None,
    extra_pip_requirements: list[str] | str | None = None,
    metadata: dict[str, Any] | None = None,
    model_config: dict[str, Any] | None = None,
    name: str | None = None,
    params: dict[str, Any] | None = None,
    tags: dict[str, Any] | None = None,
    model_type: str | None = None,
    step: int = 0,
    model_id: str | None = None,
) -> ModelInfo:
    """Save an object or function as a model that the active run wrote, and register it if a name is given for that.

    The arguments are those of `save_model` and of `publishing.publish`. `artifact_path` is the old name of `name`.
    """

    def save(path: Path, described: MLmodel) -> MLmodel:
        return save_model(
            path, python_model, artifacts, code_paths, conda_env, signature, input_example, pip_requirements,
            extra_pip_requirements, metadata, model_config, described=described,
        )  # fmt: skip

    return publish(save, name or artifact_path, registered_model_name, params, tags, model_type, step, model_id)


def _as_python_model(given: Any) -> Any:
    if isinstance(given, PythonModel) or (hasattr(given, "load_context") and hasattr(given, "predict")):
        return given
    if isinstance(given, type):
        raise Invalid(f"{given.__name__} is a class. Give an object of it, as in {given.__name__}().")
    if inspect.isroutine(given):
        return FunctionModel(given)
    if callable(getattr(given, "predict", None)):
        return ObjectModel(given)
    if callable(given):
        return FunctionModel(given)
    raise Invalid(
        f"A {type(given).__name__} does not predict. Give a function of data, or an object with a method 'predict'."
    )


def _existing(name: str, source: str) -> Path:
    path = Path(source.removeprefix("file://"))
    if not name or Path(name).name != name:
        raise Invalid(f"'{name}' cannot be the name of an artifact: it becomes the name of a folder.")
    if not path.exists():
        raise Invalid(f"There is no file or folder '{source}' for the artifact '{name}'. Give a path on this disk.")
    return path


def _copied(name: str, source: Path, folder: Path) -> dict[str, str]:
    target = folder / "artifacts" / source.name
    if target.exists():
        target = folder / "artifacts" / name / source.name
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)
    return {"path": target.relative_to(folder).as_posix(), "uri": str(source)}


def _without_ours(modules: set[str]) -> set[str]:
    return {name for name in modules if name != predictors.__name__}


def load_pyfunc(
    folder: Path, described: MLmodel, config: dict[str, Any] | None, trust: bool
) -> tuple[Any, Callable[[Any, dict[str, Any] | None], Any]]:
    """The model in a folder, and how it predicts: with data and params.

    Raises:
        Untrusted: without `trust`.
    """
    settings = described.flavor(PYFUNC)
    if "model_code_path" in settings:
        model = _from_code(folder, settings, trust)
    else:
        path = locations.inside(folder, settings.get("python_model"))
        model = pickles.load(path, trust, settings.get("python_model_compression"))
    artifacts = {
        name: str(locations.inside(folder, info.get("path")))
        for name, info in (settings.get("artifacts") or {}).items()
    }
    context = PythonModelContext(artifacts, {**(settings.get("config") or {}), **(config or {})})
    model.load_context(context)
    return model, _predictor(model, context)


def _from_code(folder: Path, settings: dict[str, Any], trust: bool) -> Any:
    # MLflow keeps the whole path of where it was written; the file is beside the MLmodel file.
    path = locations.inside(folder, Path(str(settings["model_code_path"])).name)
    if not trust:
        raise Untrusted(
            f"The model is the Python program '{path.name}', and loading it runs it. If you know who wrote it, load it with "
            "trust=True."
        )
    return _as_python_model(_model_of_program(path))


def _model_of_program(path: Path) -> Any:
    """What a program gives to `mlflow.models.set_model`, which keeps the last one in a global of its module."""
    name = f"modelkeep_program_{uuid.uuid4().hex}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise NotAModel(f"The model is the program '{path.name}', which is no Python file.")
    program = importlib.util.module_from_spec(spec)
    with _running:
        keeper = sys.modules.get("mlflow.models.model")
        if keeper is not None:
            keeper.__mlflow_model__ = None  # type: ignore[attr-defined]
        sys.modules[name] = program  # its classes name it
        try:
            spec.loader.exec_module(program)
        except ModuleNotFoundError as error:
            raise MissingPackage(
                f"'{path.name}' needs the package '{error.name}', which is not installed here."
            ) from error
        except Exception as error:
            raise NotAModel(f"The program '{path.name}' ended with {type(error).__name__}: {error}.") from error
        model = getattr(sys.modules.get("mlflow.models.model"), "__mlflow_model__", None)
    if model is None:
        raise NotAModel(f"The program '{path.name}' gives no model to mlflow.models.set_model().")
    return model


def _predictor(model: Any, context: PythonModelContext) -> Callable[[Any, dict[str, Any] | None], Any]:
    """How a model is asked, which may or may not want the context and the params."""
    names = inspect.signature(model.predict).parameters
    with_context = len([name for name in names if name != "params"]) > 1
    hints = getattr(model, "predict_type_hints", None)
    wanted = getattr(hints, "input", None)

    def predict(data: Any, params: dict[str, Any] | None) -> Any:
        keywords = {"params": params} if "params" in names else {}
        given = _as_hinted(data, wanted)
        return model.predict(context, given, **keywords) if with_context else model.predict(given, **keywords)

    return predict


def _as_hinted(data: Any, wanted: Any) -> Any:
    """Columns for a model that says it takes a list, and what it is otherwise; as in MLflow."""
    import sys

    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(data, pandas.DataFrame) or getattr(wanted, "__origin__", wanted) is not list:
        return data
    items = (getattr(wanted, "__args__", None) or (None,))[0]
    if getattr(items, "__origin__", items) is dict:
        return data.to_dict(orient="records")
    if data.shape[1] != 1:
        raise SchemaMismatch(f"The model takes a list, which is one column, and the data has {data.shape[1]}.")
    return data.iloc[:, 0].tolist()
