"""What the MLmodel file of a model says of it: its flavors, its signature, and whether loading it runs code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from modelkeep.domain import trusted_types

Change = Literal["same", "widening", "breaking"]

# Flavors whose files are data, if nothing in the flavor's settings says otherwise.
_DATA_FLAVORS = frozenset({"xgboost", "onnx", "catboost"})
_SKOPS_FLAVORS = frozenset({"sklearn", "lightgbm"})
# Whose file each of these flavors takes it to be when it does not say.
_CLASSES = {"lightgbm": "lightgbm.basic.Booster", "xgboost": "xgboost.core.Booster"}
# What accepts all that the other does: MLflow converts a column where nothing can be lost, and refuses it elsewhere.
_WIDER = frozenset({("integer", "long"), ("integer", "double"), ("float", "double")})
_PYFUNC = "python_function"


@dataclass(frozen=True, slots=True)
class Column:
    """An input, output or parameter: its type as MLflow writes it, and whether a caller must give it."""

    type: str
    required: bool


@dataclass(frozen=True, slots=True)
class Signature:
    """Columns by name; one without a name is called by its place, such as `#0`."""

    inputs: dict[str, Column]
    outputs: dict[str, Column]
    params: dict[str, Column]


@dataclass(frozen=True, slots=True)
class Format:
    """A model's format.

    Attributes:
        flavors: their names.
        signature: None when the model has none.
        runs_code: why loading it runs code that came with it, None when nothing says that it does.
    """

    flavors: tuple[str, ...]
    signature: Signature | None
    runs_code: str | None


def compare(old: Signature, new: Signature) -> tuple[Change, str]:
    """What a caller of the old model finds when the new one takes its place, and the first difference in words.

    `same`: nothing. `widening`: everything that was accepted still is, and the answers have the same columns. `breaking`:
    some call that worked fails, or some column of the answers is another.
    """
    widened = ""
    for what, before, after in (("input", old.inputs, new.inputs), ("parameter", old.params, new.params)):
        for name, column in after.items():
            if name not in before:
                if column.required:
                    return "breaking", f"the {what} {name} is new and required"
                widened = widened or f"the {what} {name} is new and optional"
            elif (change := _narrowed(before[name], column)) is None:
                return "breaking", f"the {what} {name} was {_words(before[name])} and is {_words(column)}"
            elif change:
                widened = widened or f"the {what} {name} was {_words(before[name])} and is {_words(column)}"
        for name in before:
            if name not in after:
                if what == "parameter":
                    return "breaking", f"the parameter {name} is gone"
                widened = widened or f"the input {name} is no longer needed"
    for name, column in old.outputs.items():
        if name not in new.outputs:
            return "breaking", f"the output {name} is gone"
        if new.outputs[name].type != column.type:
            return "breaking", f"the output {name} was {column.type} and is {new.outputs[name].type}"
    for name in new.outputs:
        if name not in old.outputs:
            return "breaking", f"the output {name} is new"
    return ("widening", widened) if widened else ("same", "the signatures are the same")


def _narrowed(before: Column, after: Column) -> bool | None:
    """Whether a column accepts more than before; None when it no longer accepts all it did."""
    if after.required and not before.required:
        return None
    if before.type == after.type:
        return before.required and not after.required
    return True if (before.type, after.type) in _WIDER else None


def _words(column: Column) -> str:
    return f"{column.type}{'' if column.required else ' (optional)'}"


def runs_code(flavors: dict[str, Any]) -> str | None:
    """Why loading a model with these flavors runs code that came with it, None when it does not.

    MLflow's own loaders read a flavor's settings; what is not known to be data is taken for code.
    """
    for name, settings in flavors.items():
        told = settings if isinstance(settings, dict) else {}
        if told.get("code") or told.get("code_path"):
            return f"the flavor {name} brings code of its own"
        if told.get("model_code_path") or told.get("python_model") or told.get("cloudpickle_version"):
            return f"the flavor {name} is Python code or a pickle"
        if name == _PYFUNC:
            if (why := _other_loader(flavors, told)) is not None:
                return why
        elif not _is_data(name, told):
            return f"the flavor {name} is not known to be data alone"
    if set(flavors) <= {_PYFUNC}:
        return "its only flavor is Python code"
    return None


def _other_loader(flavors: dict[str, Any], settings: dict[str, Any]) -> str | None:
    """What the flavor python_function loads besides the other flavors, which are judged by themselves."""
    loader = settings.get("loader_module")
    if not isinstance(loader, str) or loader.removeprefix("mlflow.") not in set(flavors) - {_PYFUNC}:
        named = f"the module {loader[:100]}" if isinstance(loader, str) else "an unknown module"
        return f"the flavor {_PYFUNC} is loaded by {named}, which is that of none of the other flavors"
    for key in ("data", "model_path"):
        # MLflow's scikit-learn flavor takes a file in another folder for a pickle.
        path = settings.get(key, "")
        if not isinstance(path, str) or "/" in path or "\\" in path:
            return f"the flavor {_PYFUNC} loads a file in another folder"
    return None


def _is_data(name: str, settings: dict[str, Any]) -> bool:
    # Whoever writes the MLmodel file writes this list, and what is on it is called when the file is loaded.
    types = settings.get("skops_trusted_types") or []
    known = trusted_types.OURS if name != "lightgbm" else {*trusted_types.OURS, *trusted_types.LIGHTGBM}
    if not isinstance(types, list) or not all(isinstance(each, str) and each in known for each in types):
        return False
    made = settings.get("model_class", _CLASSES.get(name))
    if name in _DATA_FLAVORS:
        # MLflow imports and calls the class.
        is_own = name not in _CLASSES or (isinstance(made, str) and made.startswith(f"{name}."))
        return is_own and settings.get("model_format") != "pickle"
    # Without a format MLflow takes the file for a pickle, unless LightGBM wrote it itself.
    if name == "lightgbm" and made == _CLASSES[name]:
        return True
    return name in _SKOPS_FLAVORS and settings.get("serialization_format") == "skops"
