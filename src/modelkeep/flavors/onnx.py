"""ONNX: kept as the graph that it is, which holds no code, and run by onnxruntime."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from modelkeep.domain.errors import Invalid
from modelkeep.flavors import locations, mlmodels, saving
from modelkeep.flavors.errors import MissingPackage, NotAModel, SchemaMismatch, Untrusted
from modelkeep.flavors.mlmodels import MLmodel
from modelkeep.flavors.publishing import ModelInfo, publish
from modelkeep.flavors.saving import Options, Written

FLAVOR_NAME = "onnx"
LOADER = "mlflow.onnx"
FILE = "model.onnx"
PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
# What one protobuf message can hold; the weights of larger models are in a file beside it.
_MESSAGE_LIMIT = 2**31 - 1
_THREADS = ("inter_op_num_threads", "intra_op_num_threads")


def save_model(
    onnx_model: Any,
    path: str | os.PathLike[str],
    conda_env: dict[str, Any] | str | None = None,
    code_paths: list[str] | None = None,
    signature: Any = None,
    input_example: Any = None,
    pip_requirements: list[str] | str | None = None,
    extra_pip_requirements: list[str] | str | None = None,
    onnx_execution_providers: list[str] | None = None,
    onnx_session_options: dict[str, Any] | None = None,
    metadata: dict[str, Any] | None = None,
    save_as_external_data: bool | None = None,
    *,
    described: MLmodel | None = None,
) -> MLmodel:
    """Save an ONNX model into a new folder.

    Args:
        signature: from `infer_signature`; by default that of the example, and False for none.
        input_example: kept beside the model.
        onnx_execution_providers: names of what is to run it, the first that is there; by default CUDA, then the CPU.
        onnx_session_options: `intra_op_num_threads`, `inter_op_num_threads`, `execution_mode`,
            `graph_optimization_level`.
        save_as_external_data: keep the weights in a file of their own; by default when they are too large for one.
        described: what is known of the model besides.
    Raises:
        Invalid: the folder is not empty, or it is no ONNX model.
    """
    onnx = _onnx()
    if not isinstance(onnx_model, onnx.ModelProto):
        raise Invalid(f"A {type(onnx_model).__name__} is not an ONNX model: give an onnx.ModelProto.")
    providers = list(onnx_execution_providers or PROVIDERS)
    is_external = onnx_model.ByteSize() > _MESSAGE_LIMIT if save_as_external_data is None else save_as_external_data

    def write(folder: Path) -> Written:
        if is_external:
            copied = onnx.ModelProto()
            copied.CopyFrom(onnx_model)  # the weights are taken out of what is saved
            onnx.save_model(copied, str(folder / FILE), save_as_external_data=True, location=f"{FILE}.data")
        else:
            onnx.save_model(onnx_model, str(folder / FILE))
        settings = {
            "data": FILE,
            "onnx_version": onnx.__version__,
            "providers": providers,
            "onnx_session_options": onnx_session_options,
        }
        return Written(
            {FLAVOR_NAME: settings}, {"loader_module": LOADER, "data": FILE}, {"onnx", "onnxruntime", "numpy"}
        )

    def predict(data: Any, params: dict[str, Any] | None) -> Any:
        session = _session(onnx_model.SerializeToString(), providers, onnx_session_options)
        return _predictor(session)(data, params)

    options = Options(
        signature, input_example, metadata, code_paths, conda_env, pip_requirements, extra_pip_requirements
    )
    return saving.save(path, write, predict, options, described)


def log_model(
    onnx_model: Any,
    artifact_path: str | None = None,
    conda_env: dict[str, Any] | str | None = None,
    code_paths: list[str] | None = None,
    registered_model_name: str | None = None,
    signature: Any = None,
    input_example: Any = None,
    await_registration_for: int | None = 300,
    pip_requirements: list[str] | str | None = None,
    extra_pip_requirements: list[str] | str | None = None,
    onnx_execution_providers: list[str] | None = None,
    onnx_session_options: dict[str, Any] | None = None,
    metadata: dict[str, Any] | None = None,
    save_as_external_data: bool | None = None,
    name: str | None = None,
    params: dict[str, Any] | None = None,
    tags: dict[str, Any] | None = None,
    model_type: str | None = None,
    step: int = 0,
    model_id: str | None = None,
) -> ModelInfo:
    """Save a model as one that the active run wrote, and register it if a name is given for that.

    The arguments are those of `save_model` and of `publishing.publish`. `artifact_path` is the old name of `name`.
    """

    def save(path: Path, described: MLmodel) -> MLmodel:
        return save_model(
            onnx_model, path, conda_env, code_paths, signature, input_example, pip_requirements, extra_pip_requirements,
            onnx_execution_providers, onnx_session_options, metadata, save_as_external_data, described=described,
        )  # fmt: skip

    return publish(save, name or artifact_path, registered_model_name, params, tags, model_type, step, model_id)


def load_model(
    model_uri: str | os.PathLike[str],
    dst_path: str | None = None,
    *,
    trust: bool = False,
    at: int | str | datetime | None = None,
) -> Any:
    """The model in a folder, or at an address, as an onnx.ModelProto.

    Args:
        model_uri: a folder, `models:/…` or `runs:/…`.
        dst_path: keep the downloaded files in this folder.
        trust: accept code that came with the model, for this call.
        at: load what a stage or an alias of the address named at that moment; see `Client.target_at`.
    Raises:
        NotAModel: there is no such model.
        DigestMismatch: the files are not those that were registered.
    """
    with locations.opened(model_uri, dst_path, at) as folder:
        model = mlmodels.read(folder)
        path = _checked(folder, model, trust)
        return _onnx().load(str(path))


def load_pyfunc(folder: Path, model: MLmodel, trusted_types: Iterable[str], trust: bool) -> tuple[Any, Any]:
    """A session that runs the model, and how it predicts: with data and params."""
    path = _checked(folder, model, trust)
    settings = model.flavor(FLAVOR_NAME)
    session = _session(str(path), settings.get("providers"), settings.get("onnx_session_options"), trust)
    return session, _predictor(session)


def _checked(folder: Path, model: MLmodel, trust: bool) -> Path:
    """The file of a model that is one, with its weights in the folder."""
    settings = model.flavor(FLAVOR_NAME)
    path = locations.inside(folder, settings.get("data"))
    saving.add_code(folder, settings, trust)
    onnx = _onnx()
    try:
        described = onnx.load(str(path), load_external_data=False)
        for place in _places_of_weights(described):
            locations.inside(path.parent, place)
        onnx.checker.check_model(str(path))
    except (onnx.checker.ValidationError, ValueError, _decode_error()) as error:
        raise NotAModel(f"'{path.name}' cannot be read as an ONNX model: {str(error).splitlines()[0]}.") from error
    return path


def _places_of_weights(message: Any) -> Iterator[str]:
    """The files that tensors anywhere in a message are read from."""
    for field, value in message.ListFields():
        if field.name == "external_data":
            yield from (entry.value for entry in value if entry.key == "location")
        elif field.message_type is not None:
            for each in [value] if hasattr(value, "ListFields") else value:
                if hasattr(each, "ListFields"):
                    yield from _places_of_weights(each)


def _session(source: str | bytes, providers: Any, options: Any, trust: bool = True) -> Any:
    """A session on the first of the providers that are there.

    Settings of a provider can name a library to load, and further settings of the session files: both need `trust`.
    """
    runtime = _onnxruntime()
    named = [providers] if isinstance(providers, str) else list(providers or PROVIDERS)
    given = options if isinstance(options, dict) else {}
    more = given.get("extra_session_config") or {}
    if not trust and (more or any(not isinstance(each, str) for each in named)):
        raise Untrusted(
            "The MLmodel file has settings for onnxruntime that can name files and libraries to load. If you know who wrote "
            "it, load the model with trust=True."
        )
    settings = runtime.SessionOptions()
    try:
        for name in _THREADS:
            if given.get(name):
                setattr(settings, name, int(given[name]))
        if mode := given.get("execution_mode"):
            settings.execution_mode = getattr(runtime.ExecutionMode, f"ORT_{str(mode).upper()}")
        if level := given.get("graph_optimization_level"):
            settings.graph_optimization_level = runtime.GraphOptimizationLevel(int(level))
        for key, value in more.items():
            settings.add_session_config_entry(str(key), str(value))
    except (AttributeError, TypeError, ValueError) as error:
        raise NotAModel(f"The settings for onnxruntime cannot be used: {error}.") from error
    there = set(runtime.get_available_providers())
    usable = [tuple(each) if isinstance(each, list) else each for each in named]
    usable = [each for each in usable if (each if isinstance(each, str) else each[0]) in there]
    try:
        return runtime.InferenceSession(source, settings, providers=usable or ["CPUExecutionProvider"])
    except Exception as error:  # its errors have no common parent but this one
        raise NotAModel(f"onnxruntime cannot run the model: {str(error).splitlines()[0]}.") from error


def _predictor(session: Any) -> Callable[[Any, dict[str, Any] | None], Any]:
    types = {each.name: each.type for each in session.get_inputs()}
    names = [each.name for each in session.get_outputs()]

    def predict(data: Any, params: dict[str, Any] | None) -> Any:
        import numpy

        columns = getattr(data, "columns", None)
        if isinstance(data, dict):
            fed = {name: numpy.asarray(value) for name, value in data.items()}
        elif len(types) == 1:
            fed = {next(iter(types)): data.to_numpy() if columns is not None else numpy.asarray(data)}
        elif columns is not None:
            fed = {name: data[name].to_numpy() for name in types if name in columns}
        else:
            raise SchemaMismatch(f"The model takes {', '.join(types)}: give a dict or a DataFrame with them.")
        if lacking := types.keys() - fed.keys():
            raise SchemaMismatch(f"The data lacks {', '.join(sorted(lacking))}.")
        given = {name: _as_float(fed[name], types[name]) for name in types}
        found = dict(zip(names, session.run(names, given), strict=True))
        return found if columns is None else _table(found)

    return predict


def _as_float(values: Any, wanted: str) -> Any:
    """Doubles as the floats that the model takes; every table and every scoring server has doubles."""
    return values.astype("float32") if wanted == "tensor(float)" and values.dtype == "float64" else values


def _table(found: dict[str, Any]) -> Any:
    """A column for each output; where there are several values for a row, a list of them."""
    import numpy
    import pandas

    arrays = {name: numpy.asarray(values) for name, values in found.items()}
    flat = {name: each.reshape(len(each), -1) if each.ndim > 1 else each for name, each in arrays.items()}
    return pandas.DataFrame(
        {
            name: each if each.ndim == 1 else each[:, 0] if each.shape[1] == 1 else each.tolist()
            for name, each in flat.items()
        }
    )


def _decode_error() -> type[Exception]:
    from google.protobuf.message import DecodeError

    return DecodeError


def _onnx() -> Any:
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise MissingPackage(f"The package '{error.name}' is not installed. Install modelkeep[onnx].") from error
    return onnx


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise MissingPackage(f"The package '{error.name}' is not installed. Install modelkeep[onnx].") from error
    return onnxruntime
