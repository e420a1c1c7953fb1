"""What the MLmodel file of a model says of it: its flavors, its signature, and whether loading it runs code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Change = Literal["same", "widening", "breaking"]

# Flavors whose files are data, if nothing in the flavor's settings says otherwise.
_DATA_FLAVORS = frozenset({"xgboost", "onnx", "catboost"})
_DATA_FORMATS = frozenset({"skops", "json", "ubj"})
# What accepts more than the other, in the order of what it accepts.
_WIDER = {"integer": 1, "long": 2, "float": 3, "double": 4}


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
    wider = _WIDER.get(before.type, 0) and _WIDER.get(before.type, 0) < _WIDER.get(after.type, 0)
    return True if wider else None


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
        if name != "python_function" and not _is_data(name, told):
            return f"the flavor {name} is not known to be data alone"
    if set(flavors) <= {"python_function"}:
        return "its only flavor is Python code"
    return None


def _is_data(name: str, settings: dict[str, Any]) -> bool:
    if name in _DATA_FLAVORS:
        return settings.get("model_format", "json") != "pickle"
    written = str(settings.get("serialization_format") or settings.get("model_format") or "")
    return written in _DATA_FORMATS or (name == "lightgbm" and settings.get("data", "").endswith((".lgb", ".txt")))
