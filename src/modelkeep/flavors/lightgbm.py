"""LightGBM: a Booster as its own text, the scikit-learn models with skops."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from modelkeep.domain import trusted_types
from modelkeep.domain.errors import Invalid
from modelkeep.flavors import locations, mlmodels, pickles, requirements, saving, skops_files
from modelkeep.flavors.errors import MissingPackage, NotAModel
from modelkeep.flavors.mlmodels import MLmodel
from modelkeep.flavors.publishing import ModelInfo, publish
from modelkeep.flavors.saving import Options, Written

FLAVOR_NAME = "lightgbm"
LOADER = "mlflow.lightgbm"
BOOSTER = "lightgbm.basic.Booster"
# Trusted when a file is loaded as a model of LightGBM: its own text is inside, which LightGBM reads.
TYPES = trusted_types.LIGHTGBM


def save_model(
    lgb_model: Any,
    path: str | os.PathLike[str],
    conda_env: dict[str, Any] | str | None = None,
    code_paths: list[str] | None = None,
    signature: Any = None,
    input_example: Any = None,
    pip_requirements: list[str] | str | None = None,
    extra_pip_requirements: list[str] | str | None = None,
    metadata: dict[str, Any] | None = None,
    *,
    described: MLmodel | None = None,
) -> MLmodel:
    """Save a Booster or one of LightGBM's scikit-learn models into a new folder.

    Args:
        signature: from `infer_signature`; by default that of the example, and False for none.
        input_example: kept beside the model.
        described: what is known of the model besides.
    Raises:
        Invalid: the folder is not empty, or the model is of another class or holds what skops cannot.
    """
    lightgbm = _lightgbm()
    name = f"{type(lgb_model).__module__}.{type(lgb_model).__name__}"
    if name not in TYPES or name == "collections.OrderedDict":
        raise Invalid(f"A {name} is not a model of LightGBM: give a Booster or one of its scikit-learn models.")

    def write(folder: Path) -> Written:
        settings: dict[str, Any] = {"model_class": name, "lgb_version": lightgbm.__version__}
        if name == BOOSTER:
            settings["data"] = "model.lgb"
            lgb_model.save_model(folder / "model.lgb")
        else:
            settings |= {"data": "model.skops", "serialization_format": "skops"}
            try:
                settings["skops_trusted_types"] = skops_files.dump(lgb_model, folder / "model.skops")
            except skops_files.NotHeld as error:
                raise Invalid(
                    f"skops cannot hold this {type(lgb_model).__name__}: {error}. Save its booster_."
                ) from error
        modules = requirements.modules_of(lgb_model) | {"lightgbm", "numpy", "scipy"}
        modules |= set() if name == BOOSTER else {"sklearn", "skops"}
        return Written({FLAVOR_NAME: settings}, {"loader_module": LOADER, "data": settings["data"]}, modules)

    options = Options(
        signature, input_example, metadata, code_paths, conda_env, pip_requirements, extra_pip_requirements
    )
    return saving.save(path, write, lambda data, params: lgb_model.predict(data), options, described)


def log_model(
    lgb_model: Any,
    artifact_path: str | None = None,
    conda_env: dict[str, Any] | str | None = None,
    code_paths: list[str] | None = None,
    registered_model_name: str | None = None,
    signature: Any = None,
    input_example: Any = None,
    await_registration_for: int | None = 300,
    pip_requirements: list[str] | str | None = None,
    extra_pip_requirements: list[str] | str | None = None,
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
            lgb_model, path, conda_env, code_paths, signature, input_example, pip_requirements, extra_pip_requirements,
            metadata, described=described,
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
        trusted_types: names of types to trust besides LightGBM's and those of scikit-learn, numpy and scipy.
        trust: accept whatever is in the files, for this call.
        at: load what a stage or an alias of the address named at that moment; see `Client.target_at`.
    Raises:
        Untrusted: the model needs either of them.
        NotAModel: there is no such model.
        DigestMismatch: the files are not those that were registered.
    """
    with locations.opened(model_uri, dst_path, at) as folder:
        return load_data(folder, mlmodels.read(folder), trusted_types, trust)


def load_data(folder: Path, model: MLmodel, trusted_types: Iterable[str], trust: bool) -> Any:
    """The model in a folder whose MLmodel file was read."""
    settings = model.flavor(FLAVOR_NAME)
    path = locations.inside(folder, settings.get("data"))
    saving.add_code(folder, settings, trust)
    lightgbm = _lightgbm()
    if settings.get("model_class", BOOSTER) == BOOSTER:
        try:
            return lightgbm.Booster(model_file=path)
        except lightgbm.basic.LightGBMError as error:
            raise NotAModel(f"'{path.name}' cannot be read as a model of LightGBM: {error}.") from error
    if settings.get("serialization_format") == "skops":
        return skops_files.load(path, {*trusted_types, *TYPES}, trust)
    return pickles.load(path, trust)


def load_pyfunc(folder: Path, model: MLmodel, trusted_types: Iterable[str], trust: bool) -> tuple[Any, Any]:
    """The model, and how it predicts: with data and params."""
    loaded = load_data(folder, model, trusted_types, trust)
    return loaded, lambda data, params: loaded.predict(data)


def _lightgbm() -> Any:
    try:
        import lightgbm
    except ModuleNotFoundError as error:
        raise MissingPackage(f"The package '{error.name}' is not installed. Install modelkeep[lightgbm].") from error
    except OSError as error:
        raise MissingPackage(
            f"LightGBM cannot be loaded: {error}. It needs OpenMP, as in Debian's package libgomp1."
        ) from error
    return lightgbm
