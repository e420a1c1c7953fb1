"""From data to the schema that describes it, by MLflow's rules (3.17.2)."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Iterable
from typing import Any

from modelkeep.domain.errors import Invalid
from modelkeep.flavors.signatures import (
    ANY,
    ColSpec,
    ModelSignature,
    ParamSchema,
    ParamSpec,
    Schema,
    TensorSpec,
    Type,
)

_PYTHON = {bool: "boolean", int: "long", float: "double", str: "string", bytes: "binary", bytearray: "binary"}


def infer_signature(
    model_input: Any = None, model_output: Any = None, params: dict[str, Any] | None = None
) -> ModelSignature:
    """The signature of a model that takes and gives such data.

    Args:
        model_input, model_output: a DataFrame, Series, array, dict, list, sparse matrix or single value.
        params: what `predict` takes besides, with the values it has by default.
    Raises:
        Invalid: nothing is given, or data of a kind that no signature describes.
    """
    return ModelSignature(
        None if model_input is None else infer_schema(model_input),
        None if model_output is None else infer_schema(model_output),
        infer_params(params) if params else None,
    )


def infer_schema(data: Any) -> Schema:
    """The schema of data.

    Raises:
        Invalid: it is of a kind that no schema describes.
    """
    if _is_a("pandas", "DataFrame", data):
        return Schema([_column(data[name], name) for name in data.columns])
    if _is_a("pandas", "Series", data):
        return Schema([_column(data, data.name)])
    if _is_a("numpy", "ndarray", data):
        return Schema([_tensor(data)])
    if is_sparse(data):
        return Schema([TensorSpec(_name_of(data.dtype), (-1, *data.shape[1:]))])
    if isinstance(data, dict):
        return _of_dict(data)
    if isinstance(data, list):
        return _of_list(data)
    return Schema([_unnamed(_type_of(data))])


def _is_a(module: str, name: str, data: Any) -> bool:
    """Whether data is of a class, without importing the module of it: nothing can be when nobody has imported it."""
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(data, getattr(loaded, name))


def is_sparse(data: Any) -> bool:
    """Whether data is a sparse matrix or array of scipy."""
    loaded = sys.modules.get("scipy.sparse")
    return loaded is not None and loaded.issparse(data)


def _tensor(array: Any, name: str | None = None) -> TensorSpec:
    return TensorSpec(_name_of(array.dtype), (-1, *array.shape[1:]) if array.ndim else (), name)


def _name_of(dtype: Any) -> str:
    # The length of a text is not part of its type.
    return {"U": "str", "S": "bytes"}.get(dtype.char) or dtype.name


def _of_dict(data: dict[Any, Any]) -> Schema:
    if not data or any(not isinstance(key, str) for key in data):
        raise Invalid(f"A dict describes a model's data when its keys are texts, got the keys {list(data)[:5]}.")
    if all(_is_a("numpy", "ndarray", value) for value in data.values()):
        return Schema([_tensor(value, name) for name, value in data.items()])
    return Schema([_named(_type_of(value), name, value is not None) for name, value in data.items()])


def _of_list(data: list[Any]) -> Schema:
    if not data:
        return Schema([ColSpec("string")])
    if all(isinstance(row, dict) for row in data):
        names = list(dict.fromkeys(name for row in data for name in row))
        return Schema(
            [
                _named(
                    _merged(_type_of(row[name]) for row in data if row.get(name) is not None),
                    name,
                    all(row.get(name) is not None for row in data),
                )
                for name in names
            ]
        )
    return Schema([_unnamed(_merged(map(_type_of, data)))])


def _named(kind: Type, name: str, required: bool) -> ColSpec:
    return ColSpec(kind, name, required and kind != ANY)


def _unnamed(kind: Type) -> ColSpec:
    return ColSpec(kind, None, kind != ANY)


def _column(column: Any, name: Any) -> ColSpec:
    dtype = column.dtype
    required = not column.isna().any()
    if dtype.kind == "O":
        column = column.infer_objects()
        dtype = column.dtype
    if dtype.kind == "O":
        return ColSpec(_merged(_type_of(value) for value in column if not _is_missing(value)), name, bool(required))
    return ColSpec(_scalar_of(dtype), name, bool(required))


def _is_missing(value: Any) -> bool:
    return value is None or value is getattr(sys.modules.get("pandas"), "NA", None) or value != value


def _scalar_of(dtype: Any) -> str:
    """The scalar type of a numpy or pandas type."""
    kind, size = dtype.kind, dtype.itemsize
    if kind == "b":
        return "boolean"
    if kind in "iu" and (size < 8 or kind == "i"):
        return "integer" if size < 4 or (size == 4 and kind == "i") else "long"
    if kind == "f" and size <= 8:
        return "float" if size <= 4 else "double"
    found = {"U": "string", "S": "binary", "M": "datetime"}.get(kind)
    if found is None:
        raise Invalid(
            f"A signature has no type for data of the numpy type '{dtype}'. Convert it, to float64 for example."
        )
    return found


def _type_of(value: Any) -> Type:
    """The type of one value, which may be nested."""
    found = _PYTHON.get(type(value))
    if found is not None:
        return found
    if value is None:
        return ANY
    if isinstance(value, dict):
        return {"type": "object", "properties": {str(key): _property(value[key]) for key in sorted(value, key=str)}}
    if isinstance(value, (list, tuple)):
        return _array(_merged(map(_type_of, value)))
    if _is_a("numpy", "ndarray", value):
        kind: Type = _merged(map(_type_of, value.ravel())) if value.dtype.kind == "O" else _scalar_of(value.dtype)
        for _ in range(value.ndim):
            kind = _array(kind)
        return kind
    if isinstance(value, (datetime.datetime, datetime.date)):
        return "datetime"
    if _is_a("numpy", "generic", value):
        return _scalar_of(value.dtype)
    for base, name in _PYTHON.items():
        if isinstance(value, base):
            return name
    raise Invalid(
        f"A signature has no type for a {type(value).__name__}. Give a DataFrame, Series, array, dict, list, sparse matrix "
        "or a single number, text or time."
    )


def _property(value: Any) -> dict[str, Any]:
    kind = _type_of(value)
    return (kind if isinstance(kind, dict) else {"type": kind}) | {"required": kind != ANY}


def _array(items: Type) -> dict[str, Any]:
    return {"type": "array", "items": items if isinstance(items, dict) else {"type": items}}


def _merged(types: Iterable[Type]) -> Type:
    """The one type of several values; anything when they have none in common."""
    merged: Type | None = None
    for each in types:
        if each in (ANY, merged):
            continue
        merged = each if merged is None else _both(merged, each)
    return ANY if merged is None else merged


def _both(one: Type, other: Type) -> Type:
    if isinstance(one, dict) and isinstance(other, dict) and one["type"] == other["type"]:
        if one["type"] == "array":
            return _array(_merged([_bare(one["items"]), _bare(other["items"])]))
        if one["type"] == "object":
            return {"type": "object", "properties": _joined(one["properties"], other["properties"])}
    return ANY


def _bare(content: dict[str, Any]) -> Type:
    return content["type"] if len(content) == 1 else content


def _joined(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    joined = {}
    for key in sorted({*one, *other}):
        found = [dict(each[key]) for each in (one, other) if key in each]
        required = len(found) == 2 and all(each.pop("required", True) for each in found)
        for each in found:
            each.pop("required", None)
        kind = _merged(map(_bare, found))
        joined[key] = (kind if isinstance(kind, dict) else {"type": kind}) | {"required": required and kind != ANY}
    return joined


def infer_params(params: dict[str, Any]) -> ParamSchema:
    """The schema of the parameters of `predict`, from the values they have by default.

    Raises:
        Invalid: a value is neither a scalar nor a list of them.
    """
    found = []
    for name, value in params.items():
        kind = _type_of(value)
        shape: tuple[int, ...] | None = None
        if isinstance(kind, dict) and kind["type"] == "array" and "items" not in kind["items"]:
            kind, shape = kind["items"]["type"], (-1,)
        if not isinstance(kind, str) or kind == ANY:
            raise Invalid(f"The parameter '{name}' must be a number, a text or a list of them, got {value!r}.")
        found.append(ParamSpec(str(name), kind, value, shape))
    return ParamSchema(found)
