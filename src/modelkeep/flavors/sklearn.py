"""scikit-learn: kept with skops where it can hold the model."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from modelkeep.domain.errors import Invalid
from modelkeep.flavors import locations, mlmodels, pickles, requirements, saving, skops_files
from modelkeep.flavors.mlmodels import PYFUNC, MLmodel
from modelkeep.flavors.publishing import ModelInfo, publish
from modelkeep.flavors.saving import Options, Written

FLAVOR_NAME = "sklearn"
LOADER = "mlflow.sklearn"
FORMATS = ("skops", *pickles.FORMATS)
PREDICT_FUNCTIONS = ("predict", "predict_proba", "predict_log_proba", "predict_joint_log_proba", "score")

log = logging.getLogger("modelkeep")


def save_model(
    sk_model: Any,
    path: str | os.PathLike[str],
    conda_env: dict[str, Any] | str | None = None,
    code_paths: list[str] | None = None,
    serialization_format: str | None = None,
    signature: Any = None,
    input_example: Any = None,
    pip_requirements: list[str] | str | None = None,
    extra_pip_requirements: list[str] | str | None = None,
    pyfunc_predict_fn: str = "predict",
    metadata: dict[str, Any] | None = None,
    skops_trusted_types: Sequence[str] | None = None,
    *,
    described: MLmodel | None = None,
) -> MLmodel:
    """Save a model into a new folder.

    Args:
        serialization_format: `skops`, `cloudpickle` or `pickle`; by default skops where it can hold the model, and
            otherwise cloudpickle, which is said in the log and in the MLmodel file.
        signature: from `infer_signature`; by default that of the example, and False for none.
        input_example: kept beside the model.
        pyfunc_predict_fn: the method that `modelkeep.pyfunc` calls.
        skops_trusted_types: not needed, since the types are found; they are recorded for MLflow.
        described: what is known of the model besides.
    Raises:
        Invalid: the folder is not empty, the format unknown, or skops was asked for and cannot hold the model.
    """
    if serialization_format not in (None, *FORMATS):
        raise Invalid(
            f"'{serialization_format}' is not a format of scikit-learn models: use one of {', '.join(FORMATS)}."
        )
    if pyfunc_predict_fn not in PREDICT_FUNCTIONS:
        raise Invalid(f"pyfunc_predict_fn must be one of {', '.join(PREDICT_FUNCTIONS)}, got '{pyfunc_predict_fn}'.")
    predicts = hasattr(sk_model, pyfunc_predict_fn)

    def write(folder: Path) -> Written:
        settings = _write_data(sk_model, folder, serialization_format)
        if skops_trusted_types and settings["serialization_format"] == "skops":
            settings["skops_trusted_types"] = sorted({*skops_trusted_types, *(settings["skops_trusted_types"] or ())})
        name, kept = settings["pickled_model"], settings["serialization_format"]
        pyfunc = {"loader_module": LOADER, "model_path": name, "predict_fn": pyfunc_predict_fn}
        modules = requirements.modules_of(sk_model) | {"sklearn", "numpy", "scipy"}
        modules |= set() if kept == "pickle" else {kept}
        return Written({FLAVOR_NAME: settings}, pyfunc if predicts else None, modules)

    def predict(data: Any, params: dict[str, Any] | None) -> Any:
        return getattr(sk_model, pyfunc_predict_fn)(data)

    options = Options(
        signature, input_example, metadata, code_paths, conda_env, pip_requirements, extra_pip_requirements
    )
    return saving.save(path, write, predict if predicts and pyfunc_predict_fn != "score" else None, options, described)


def _write_data(model: Any, folder: Path, wanted: str | None) -> dict[str, Any]:
    """Write the model's file and return the flavor's settings."""
    import sklearn

    types: list[str] = []
    kept = wanted or "skops"
    if kept == "skops":
        try:
            types = skops_files.dump(model, folder / "model.skops")
        except skops_files.NotHeld as error:
            if wanted is not None:
                raise Invalid(
                    f"skops cannot hold this {type(model).__name__}: {error}. Leave serialization_format out, or ask for "
                    "'cloudpickle', which runs code when it is loaded."
                ) from error
            kept = "cloudpickle"
            log.warning("skops cannot hold this %s, so it is saved with cloudpickle: %s", type(model).__name__, error)
    name = "model.skops" if kept == "skops" else "model.pkl"
    if kept != "skops":
        pickles.dump(model, folder / name, kept)
    return {
        "pickled_model": name,
        "serialization_format": kept,
        "sklearn_version": sklearn.__version__,
        "skops_trusted_types": types or None,
    }


def log_model(
    sk_model: Any,
    artifact_path: str | None = None,
    conda_env: dict[str, Any] | str | None = None,
    code_paths: list[str] | None = None,
    serialization_format: str | None = None,
    registered_model_name: str | None = None,
    signature: Any = None,
    input_example: Any = None,
    await_registration_for: int | None = 300,
    pip_requirements: list[str] | str | None = None,
    extra_pip_requirements: list[str] | str | None = None,
    pyfunc_predict_fn: str = "predict",
    metadata: dict[str, Any] | None = None,
    params: dict[str, Any] | None = None,
    tags: dict[str, Any] | None = None,
    model_type: str | None = None,
    step: int = 0,
    model_id: str | None = None,
    name: str | None = None,
    skops_trusted_types: Sequence[str] | None = None,
) -> ModelInfo:
    """Save a model as one that the active run wrote, and register it if a name is given for that.

    The arguments are those of `save_model` and of `publishing.publish`. `artifact_path` is the old name of `name`.
    """

    def save(path: Path, described: MLmodel) -> MLmodel:
        return save_model(
            sk_model, path, conda_env, code_paths, serialization_format, signature, input_example, pip_requirements,
            extra_pip_requirements, pyfunc_predict_fn, metadata, skops_trusted_types, described=described,
        )  # fmt: skip

    return publish(save, name or artifact_path, registered_model_name, params, tags, model_type, step, model_id)


def load_model(
    model_uri: str | os.PathLike[str],
    dst_path: str | None = None,
    *,
    trusted_types: Iterable[str] = (),
    trust: bool = False,
    at: int | str | datetime | None = None,
) -> Any:
    """The model in a folder, or at an address.

    Args:
        model_uri: a folder, `models:/…` or `runs:/…`.
        dst_path: keep the downloaded files in this folder.
        trusted_types: names of types to trust besides those of scikit-learn, numpy and scipy.
        trust: accept whatever is in the files, for this call.
        at: load what a stage or an alias of the address named at that moment; see `Client.target_at`.
    Raises:
        Untrusted: the model needs either of them.
        Unsafe: its numbers would make a prediction read memory that is not the model's.
        NotAModel: there is no such model.
        DigestMismatch: the files are not those that were registered.
    """
    with locations.opened(model_uri, dst_path, at) as folder:
        return load_data(folder, mlmodels.read(folder), trusted_types, trust)


def load_data(folder: Path, model: MLmodel, trusted_types: Iterable[str], trust: bool) -> Any:
    """The model in a folder whose MLmodel file was read."""
    if FLAVOR_NAME in model.flavors:
        settings = model.flavors[FLAVOR_NAME]
        path = locations.inside(folder, settings.get("pickled_model"))
        kept = settings.get("serialization_format") or "pickle"
    else:
        # Written by hand, with nothing but how to predict: MLflow takes it for a pickle.
        path, kept = locations.inside(folder, model.flavor(PYFUNC).get("model_path")), "pickle"
    saving.add_code(folder, model.flavors.get(FLAVOR_NAME, {}), trust)
    if kept == "skops":
        return skops_files.load(path, trusted_types, trust)
    return pickles.load(path, trust)


def load_pyfunc(folder: Path, model: MLmodel, trusted_types: Iterable[str], trust: bool) -> tuple[Any, Any]:
    """The model, and how it predicts: with data and params."""
    loaded = load_data(folder, model, trusted_types, trust)
    name = model.flavor(PYFUNC).get("predict_fn", "predict")
    if name not in PREDICT_FUNCTIONS:
        raise Invalid(
            f"The MLmodel file names '{name}' to predict with, which is none of {', '.join(PREDICT_FUNCTIONS)}."
        )
    return loaded, lambda data, params: getattr(loaded, name)(data)
