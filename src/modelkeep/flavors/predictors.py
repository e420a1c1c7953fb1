"""Python models as people write them. These classes are written into the files of their models, so that `mlflow` can
load them where Modelkeep is not installed: the module imports nothing but the standard library.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


class TypeHints:
    """The types that a `predict` says it takes and gives; None where it does not."""

    def __init__(self, input: Any = None, output: Any = None):
        self.input = input
        self.output = output


def hints_of(function: Callable[..., Any]) -> TypeHints:
    """The type hints of a function of data, for the last of its arguments that is not `params`."""
    try:
        names = [name for name in inspect.signature(function).parameters if name not in ("self", "context", "params")]
        hints = inspect.get_annotations(function, eval_str=True)
    except (NameError, TypeError, ValueError):  # hints that mean something elsewhere only, or no function of Python's
        return TypeHints()
    return TypeHints(hints.get(names[0]) if names else None, hints.get("return"))


class PythonModel:
    """A model made of any Python code: a subclass says how it predicts."""

    def load_context(self, context: Any) -> None:
        """Get ready, once after loading; `context.artifacts` has the paths of the model's files by name."""

    def predict(self, context: Any, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        """The answer to data. `context` and `params` may be left out of a subclass's arguments."""
        raise NotImplementedError(f"{type(self).__name__} has no method 'predict'.")

    @property
    def predict_type_hints(self) -> Any:
        """The types that `predict` says it takes and gives."""
        return hints_of(type(self).predict)


class PythonModelContext:
    """What a model is told when it is loaded: the paths of its files by name, and how it is configured."""

    def __init__(self, artifacts: dict[str, str], model_config: dict[str, Any] | None):
        self.artifacts = artifacts
        self.model_config = model_config or {}


class FunctionModel(PythonModel):
    """A function of data."""

    def __init__(self, func: Callable[..., Any]):
        self.func = func

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:  # type: ignore[override]
        """The function's answer; it is given the params if it takes them."""
        if "params" in inspect.signature(self.func).parameters:
            return self.func(model_input, params=params)
        return self.func(model_input)

    @property
    def predict_type_hints(self) -> Any:
        """The types that the function says it takes and gives."""
        return hints_of(self.func)


class ObjectModel(PythonModel):
    """An object that has a method `predict` of data."""

    def __init__(self, model: Any):
        self.model = model

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:  # type: ignore[override]
        """The object's answer; it is given the params if it takes them."""
        if "params" in inspect.signature(self.model.predict).parameters:
            return self.model.predict(model_input, params=params)
        return self.model.predict(model_input)

    @property
    def predict_type_hints(self) -> Any:
        """The types that the object's `predict` says it takes and gives."""
        return hints_of(self.model.predict)
