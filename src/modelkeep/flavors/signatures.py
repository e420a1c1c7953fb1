"""What goes into a model and comes out of it, with MLflow's names and JSON.

A column's type is the name of a scalar (`double`), or, nested, the JSON that MLflow writes for it:
`{"type": "array", "items": {"type": "long"}}`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from modelkeep.domain.errors import Invalid

SCALARS = ("boolean", "integer", "long", "float", "double", "string", "binary", "datetime")
ANY = "any"
_NESTED = ("array", "object", "map", ANY)

Type = str | dict[str, Any]


@dataclass(frozen=True, slots=True)
class ColSpec:
    """A column, or an unnamed value."""

    type: Type
    name: str | None = None
    required: bool = True

    def __post_init__(self) -> None:
        kind = self.type["type"] if isinstance(self.type, dict) else self.type
        if kind not in SCALARS and kind not in _NESTED:
            raise Invalid(f"'{kind}' is not a type of a column: use one of {', '.join((*SCALARS, *_NESTED))}.")

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        content = dict(self.type) if isinstance(self.type, dict) else {"type": self.type}
        if self.name is not None:
            content["name"] = self.name
        return content | {"required": self.required}

    @property
    def nested(self) -> bool:
        """Whether a value is a list, dict or anything."""
        return not isinstance(self.type, str) or self.type not in SCALARS


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """An array: its numpy type by name, and its shape, where -1 is any length."""

    type: str
    shape: tuple[int, ...]
    name: str | None = None
    required = True

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        content: dict[str, Any] = {"type": "tensor", "tensor-spec": {"dtype": self.type, "shape": list(self.shape)}}
        return content if self.name is None else {"name": self.name} | content


class Schema:
    """Columns, or arrays; either all of them have names or there is one without."""

    def __init__(self, inputs: list[ColSpec] | list[TensorSpec]):
        if not inputs:
            raise Invalid("A schema needs at least one column or array.")
        if len({type(each) for each in inputs}) > 1:
            raise Invalid("A schema has either columns or arrays, and not both.")
        unnamed = sum(each.name is None for each in inputs)
        if unnamed not in (0, len(inputs)):
            raise Invalid("Either all columns of a schema have names or none has.")
        self.inputs: list[Any] = list(inputs)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.inputs)

    def __len__(self) -> int:
        return len(self.inputs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schema) and self.inputs == other.inputs

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Schema({self.inputs!r})"

    def is_tensor_spec(self) -> bool:
        """Whether it is of arrays."""
        return isinstance(self.inputs[0], TensorSpec)

    def has_input_names(self) -> bool:
        """Whether its columns or arrays have names."""
        return self.inputs[0].name is not None

    def input_names(self) -> list[Any]:
        """The names, or the positions where there are none."""
        return [index if each.name is None else each.name for index, each in enumerate(self.inputs)]

    def required_input_names(self) -> list[str]:
        """The names of those that must be there."""
        return [each.name for each in self.inputs if each.name is not None and each.required]

    def to_dict(self) -> list[dict[str, Any]]:
        """As JSON."""
        return [each.to_dict() for each in self.inputs]

    def to_json(self) -> str:
        """As the text that an MLmodel file has."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Schema:
        """From the text that an MLmodel file has."""
        return cls([_spec(each) for each in json.loads(text)])


def _spec(content: dict[str, Any]) -> Any:
    given = dict(content)
    name = given.pop("name", None)
    required = given.pop("required", not given.pop("optional", False))
    if given["type"] == "tensor":
        spec = given["tensor-spec"]
        return TensorSpec(str(spec["dtype"]), tuple(spec["shape"]), name)
    return ColSpec(given["type"] if len(given) == 1 else given, name, bool(required))


@dataclass(frozen=True, slots=True)
class ParamSpec:
    """A parameter of `predict`: `shape` is None for a single value and (-1,) for a list."""

    name: str
    type: Type
    default: Any
    shape: tuple[int, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        kind = dict(self.type) if isinstance(self.type, dict) else {"type": self.type}
        return {"name": self.name, "default": self.default, "shape": self.shape and list(self.shape)} | kind


class ParamSchema:
    """The parameters of `predict`."""

    def __init__(self, params: list[ParamSpec]):
        self.params = list(params)

    def __iter__(self) -> Iterator[ParamSpec]:
        return iter(self.params)

    def __len__(self) -> int:
        return len(self.params)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ParamSchema) and self.params == other.params

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"ParamSchema({self.params!r})"

    def to_json(self) -> str:
        """As the text that an MLmodel file has."""
        return json.dumps([each.to_dict() for each in self.params], default=str)

    @classmethod
    def from_json(cls, text: str) -> ParamSchema:
        """From the text that an MLmodel file has."""
        return cls([_param(each) for each in json.loads(text)])


def _param(content: dict[str, Any]) -> ParamSpec:
    given = dict(content)
    name, default, shape = given.pop("name"), given.pop("default"), given.pop("shape", None)
    return ParamSpec(name, given["type"] if len(given) == 1 else given, default, shape and tuple(shape))


class ModelSignature:
    """What goes into a model, what comes out, and the parameters of `predict`; any of them may be unknown.

    Raises:
        Invalid: all of them are.
    """

    def __init__(self, inputs: Schema | None = None, outputs: Schema | None = None, params: ParamSchema | None = None):
        for name, value, kind in (
            ("inputs", inputs, Schema),
            ("outputs", outputs, Schema),
            ("params", params, ParamSchema),
        ):
            if value is not None and not isinstance(value, kind):
                raise Invalid(f"The {name} of a signature must be a {kind.__name__}, got {type(value).__name__}.")
        if inputs is None and outputs is None and params is None:
            raise Invalid("A signature needs inputs, outputs or params.")
        self.inputs = inputs
        self.outputs = outputs
        self.params = params

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ModelSignature) and (self.inputs, self.outputs, self.params) == (
            other.inputs,
            other.outputs,
            other.params,
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"ModelSignature(inputs={self.inputs!r}, outputs={self.outputs!r}, params={self.params!r})"

    def to_dict(self) -> dict[str, str | None]:
        """As an MLmodel file has it: three JSON texts."""
        return {
            name: None if value is None else value.to_json()
            for name, value in (("inputs", self.inputs), ("outputs", self.outputs), ("params", self.params))
        }

    @classmethod
    def from_dict(cls, content: dict[str, str | None]) -> ModelSignature | None:
        """From what an MLmodel file has; None when it says nothing."""
        inputs, outputs, params = (content.get(name) for name in ("inputs", "outputs", "params"))
        if not inputs and not outputs and not params:
            return None
        return cls(
            Schema.from_json(inputs) if inputs else None,
            Schema.from_json(outputs) if outputs else None,
            ParamSchema.from_json(params) if params else None,
        )


def as_signature(given: Any) -> ModelSignature | None:
    """A signature of ours from one of ours or MLflow's, or None from None or False.

    Raises:
        Invalid: it is something else.
    """
    if given is None or given is False:
        return None
    if isinstance(given, ModelSignature):
        return given
    if type(given).__name__ == "ModelSignature" and hasattr(given, "to_dict"):
        return ModelSignature.from_dict(given.to_dict())
    raise Invalid(f"A signature must be a ModelSignature, got {type(given).__name__}. Make one with infer_signature().")
