"""XGBoost: kept in its own binary format, which holds no code."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from modelkeep.domain.errors import Invalid
from modelkeep.flavors import locations, mlmodels, saving
from modelkeep.flavors.errors import MissingPackage, NotAModel
from modelkeep.flavors.mlmodels import MLmodel
from modelkeep.flavors.publishing import ModelInfo, publish
from modelkeep.flavors.saving import Options, Written

FLAVOR_NAME = "xgboost"
LOADER = "mlflow.xgboost"
# What an MLmodel file may name: the file is told to be one of these, and nothing else is imported.
CLASSES = {
    f"{module}.{name}": name
    for module, names in {
        "xgboost.core": ("Booster",),
        "xgboost.sklearn": (
            "XGBClassifier",
            "XGBModel",
            "XGBRanker",
            "XGBRegressor",
            "XGBRFClassifier",
            "XGBRFRegressor",
        ),
    }.items()
    for name in names
}


def save_model(
    xgb_model: Any,
    path: str | os.PathLike[str],
    conda_env: dict[str, Any] | str | None = None,
    code_paths: list[str] | None = None,
    signature: Any = None,
    input_example: Any = None,
    pip_requirements: list[str] | str | None = None,
    extra_pip_requirements: list[str] | str | None = None,
    model_format: str = "ubj",
    metadata: dict[str, Any] | None = None,
    *,
    described: MLmodel | None = None,
) -> MLmodel:
    """Save a Booster or one of XGBoost's scikit-learn models into a new folder.

    Args:
        signature: from `infer_signature`; by default that of the example, and False for none.
        input_example: kept beside the model.
        model_format: `ubj` or `json`.
        described: what is known of the model besides.
    Raises:
        Invalid: the folder is not empty, or the model is of another class.
    """
    xgboost = _xgboost()
    name = f"{type(xgb_model).__module__}.{type(xgb_model).__name__}"
    if name not in CLASSES:
        raise Invalid(f"A {name} is not a model of XGBoost: give one of {', '.join(sorted(CLASSES))}.")
    if model_format not in ("ubj", "json"):
        raise Invalid(f"'{model_format}' is not a format of XGBoost's models: use 'ubj' or 'json'.")

    def write(folder: Path) -> Written:
        file = f"model.{model_format}"
        xgb_model.save_model(folder / file)
        settings = {
            "data": file,
            "model_class": name,
            "model_format": model_format,
            "xgb_version": xgboost.__version__,
        }
        modules = {"xgboost", "numpy", "scipy"} | ({"sklearn"} if name.startswith("xgboost.sklearn.") else set())
        return Written({FLAVOR_NAME: settings}, {"loader_module": LOADER, "data": file}, modules)

    options = Options(
        signature, input_example, metadata, code_paths, conda_env, pip_requirements, extra_pip_requirements
    )
    return saving.save(path, write, _predictor(xgb_model), options, described)


def log_model(
    xgb_model: Any,
    artifact_path: str | None = None,
    conda_env: dict[str, Any] | str | None = None,
    code_paths: list[str] | None = None,
    registered_model_name: str | None = None,
    signature: Any = None,
    input_example: Any = None,
    await_registration_for: int | None = 300,
    pip_requirements: list[str] | str | None = None,
    extra_pip_requirements: list[str] | str | None = None,
    model_format: str = "ubj",
    metadata: dict[str, Any] | None = None,
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
            xgb_model, path, conda_env, code_paths, signature, input_example, pip_requirements, extra_pip_requirements,
            model_format, metadata, described=described,
        )  # fmt: skip

    return publish(save, name or artifact_path, registered_model_name, params, tags, model_type, step, model_id)


def load_model(
    model_uri: str | os.PathLike[str],
    dst_path: str | None = None,
    *,
    trust: bool = False,
    at: int | str | datetime | None = None,
) -> Any:
    """The model in a folder, or at an address.

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
        return load_data(folder, mlmodels.read(folder), trust)


def load_data(folder: Path, model: MLmodel, trust: bool) -> Any:
    """The model in a folder whose MLmodel file was read."""
    settings = model.flavor(FLAVOR_NAME)
    path = locations.inside(folder, settings.get("data"))
    named = settings.get("model_class") or "xgboost.core.Booster"
    if named not in CLASSES:
        raise NotAModel(
            f"The MLmodel file says that the model is a '{named}', which is none of {', '.join(sorted(CLASSES))}."
        )
    saving.add_code(folder, settings, trust)
    xgboost = _xgboost()
    loaded = getattr(xgboost, CLASSES[named], None) or getattr(xgboost.sklearn, CLASSES[named])
    made = loaded()
    try:
        made.load_model(path)
    except (xgboost.core.XGBoostError, ValueError, TypeError, KeyError) as error:
        raise NotAModel(f"'{path.name}' cannot be read as a model of XGBoost: {str(error).splitlines()[0]}.") from error
    return made


def load_pyfunc(folder: Path, model: MLmodel, trusted_types: Iterable[str], trust: bool) -> tuple[Any, Any]:
    """The model, and how it predicts: with data and params."""
    loaded = load_data(folder, model, trust)
    return loaded, _predictor(loaded)


def _predictor(model: Any) -> Callable[[Any, dict[str, Any] | None], Any]:
    xgboost = _xgboost()

    def predict(data: Any, params: dict[str, Any] | None) -> Any:
        given = xgboost.DMatrix(data) if isinstance(model, xgboost.Booster) else data
        return model.predict(given, **(params or {}))

    return predict


def _xgboost() -> Any:
    try:
        import xgboost
    except ModuleNotFoundError as error:
        raise MissingPackage(f"The package '{error.name}' is not installed. Install modelkeep[xgboost].") from error
    return xgboost
