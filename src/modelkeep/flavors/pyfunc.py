"""Any model as one kind of thing: `predict(data)`, with the data checked against the signature."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterable
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from modelkeep.flavors import enforcing, locations, mlmodels, python_models, saving
from modelkeep.flavors.errors import Untrusted
from modelkeep.flavors.mlmodels import PYFUNC, MLmodel
from modelkeep.flavors.signatures import ModelSignature, Schema

# Which of the modules that an MLmodel file names is loaded by which of ours. Nothing else is imported from there.
_LOADERS = {
    "mlflow.sklearn": "sklearn",
    "mlflow.xgboost": "xgboost",
    "mlflow.lightgbm": "lightgbm",
    "mlflow.onnx": "onnx",
    "mlflow.pyfunc.model": "python_models",
    "mlflow.pyfunc.loaders.code_model": "python_models",
}


class PyFuncModel:
    """A model that was loaded.

    Attributes:
        metadata: what its MLmodel file says.
    """

    def __init__(self, metadata: MLmodel, model: Any, predict: Callable[[Any, dict[str, Any] | None], Any]):
        self.metadata = metadata
        self._model = model
        self._predict = predict

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        """The model's answer to data, a DataFrame, Series, array, dict, list or sparse matrix.

        Args:
            data: brought into the form that the signature says where nothing is lost by it: columns in its order and
                without others, whole numbers as the fractions they are.
            params: what the signature names besides; the others have the values they have there.
        Raises:
            SchemaMismatch: the data is not what the signature says.
        """
        signature = self.metadata.signature
        if signature is not None:
            data = enforcing.enforce_inputs(data, signature.inputs)
        return self._predict(data, enforcing.enforce_params(params, None if signature is None else signature.params))

    def unwrap_python_model(self) -> Any:
        """The object that was saved: a PythonModel, or a model of the flavor."""
        return self._model

    get_raw_model = unwrap_python_model

    @property
    def model_id(self) -> str | None:
        """The id of the logged model that it comes from."""
        return self.metadata.model_id

    @property
    def signature(self) -> ModelSignature | None:
        """What it takes and gives."""
        return self.metadata.signature

    @property
    def input_schema(self) -> Schema | None:
        """What it takes."""
        return None if self.signature is None else self.signature.inputs

    def __repr__(self) -> str:
        loader = self.metadata.flavors.get(PYFUNC, {}).get("loader_module")
        return f"<modelkeep.pyfunc.PyFuncModel of {loader}: {type(self._model).__name__}>"


def load_model(
    model_uri: str | os.PathLike[str],
    suppress_warnings: bool = False,
    dst_path: str | None = None,
    model_config: dict[str, Any] | None = None,
    *,
    trusted_types: Iterable[str] = (),
    trust: bool = False,
    at: int | str | datetime | None = None,
) -> PyFuncModel:
    """The model in a folder, or at an address, whatever its flavor.

    Args:
        model_uri: a folder, `models:/…` or `runs:/…`.
        suppress_warnings: accepted for MLflow's sake; there are none.
        dst_path: keep the downloaded files in this folder.
        model_config: given to a PythonModel in its context.
        trusted_types: names of types to trust besides those of scikit-learn, numpy and scipy.
        trust: accept whatever is in the files, for this call.
        at: load what a stage or an alias of the address named at that moment; see `Client.target_at`.
    Raises:
        Untrusted: the model needs either of them.
        NotAModel: there is no model, or it predicts nothing.
        DigestMismatch: the files are not those that were registered.
    """
    folder, is_temporary = locations.fetch(model_uri, dst_path, at)
    try:
        described = mlmodels.read(folder)
        loaded, predict = _loaded(folder, described, model_config, trusted_types, trust)
        model = PyFuncModel(described, loaded, predict)
    except BaseException:
        if is_temporary:
            locations.delete(folder)
        raise
    if is_temporary:
        if "artifacts" in described.flavors[PYFUNC] or saving.brings_code(described):
            # What the model reads when it predicts is there.
            weakref.finalize(model, locations.delete, folder)
        else:
            locations.delete(folder)
    return model


def _loaded(
    folder: Path, described: MLmodel, config: dict[str, Any] | None, trusted_types: Iterable[str], trust: bool
) -> tuple[Any, Callable[[Any, dict[str, Any] | None], Any]]:
    settings = described.flavor(PYFUNC)
    loader = settings.get("loader_module")
    ours = _LOADERS.get(loader) if isinstance(loader, str) else None
    saving.add_code(folder, settings, trust)
    if ours == "python_models":
        return python_models.load_pyfunc(folder, described, config, trust)
    if ours is not None:
        return import_module(f"modelkeep.flavors.{ours}").load_pyfunc(folder, described, trusted_types, trust)
    if not trust:
        raise Untrusted(
            f"The model is loaded by the module '{loader}', which is none of {', '.join(sorted(_LOADERS))}. Importing it "
            "runs its code. If you know what it does, load the model with trust=True."
        )
    data = locations.inside(folder, settings["data"]) if "data" in settings else folder
    model = import_module(str(loader))._load_pyfunc(str(data))
    return model, lambda given, params: model.predict(given)
