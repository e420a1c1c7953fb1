"""Bringing data into the form that a model's signature says, or saying why that cannot be done.

Columns are put in order and others left out; a number is taken for another type when every value of its type is one of
the other, too. Nothing is rounded, parsed or filled in.
"""

from __future__ import annotations

from typing import Any

from modelkeep.flavors.errors import SchemaMismatch
from modelkeep.flavors.inferring import is_sparse
from modelkeep.flavors.signatures import ANY, ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec

_NUMPY = {"boolean": "bool", "integer": "int32", "long": "int64", "float": "float32", "double": "float64"}


def enforce_inputs(data: Any, schema: Schema | None) -> Any:
    """Data as a model expects it. A list of values without names stays one.

    Raises:
        SchemaMismatch: it is not that, and cannot be taken for it.
    """
    if schema is None:
        return data
    if schema.is_tensor_spec():
        return _arrays(data, schema)
    columns = _columns(data, schema)
    is_list = isinstance(data, list) and not schema.has_input_names() and len(schema) == 1
    return columns.iloc[:, 0].tolist() if is_list else columns


# Arrays -----------------------------------------------------------------------------------------------------


def _arrays(data: Any, schema: Schema) -> Any:
    import pandas

    if not schema.has_input_names():
        return _array(data, schema.inputs[0], "The data")
    if isinstance(data, pandas.DataFrame):
        data = {name: data[name].to_numpy() for name in data.columns}
    if not isinstance(data, dict):
        raise SchemaMismatch(
            f"The model takes a dict of the arrays {_listed(schema.input_names())}, got {_described(data)}."
        )
    _check_names(list(data), schema)
    return {spec.name: _array(data[spec.name], spec, f"'{spec.name}'") for spec in schema if spec.name in data}


def _array(data: Any, spec: TensorSpec, what: str) -> Any:
    import numpy
    import pandas

    wanted = numpy.dtype(spec.type)
    if is_sparse(data):
        found = data
    elif isinstance(data, (pandas.DataFrame, pandas.Series)):
        found = data.to_numpy()
    elif isinstance(data, numpy.ndarray):
        found = data
    elif isinstance(data, (list, tuple, int, float, str, bytes)):
        try:
            found = numpy.asarray(data)
        except ValueError as error:
            raise SchemaMismatch(f"{what} cannot be made into an array: {error}.") from None
    else:
        raise SchemaMismatch(f"{what} must be an array of {spec.type}, got {_described(data)}.")
    if found.dtype.kind not in "US" or found.dtype.kind != wanted.kind:
        found = _cast(found, wanted, spec, what, from_list=isinstance(data, (list, tuple, int, float)))
    _check_shape(found.shape, spec.shape, what)
    return found


def _cast(found: Any, wanted: Any, spec: TensorSpec, what: str, from_list: bool) -> Any:
    import numpy

    if found.dtype == wanted or wanted.kind == "O":
        return found
    # Numbers in a list are of whatever size Python makes of them.
    same_kind = from_list and found.dtype.kind == wanted.kind and found.dtype.kind in "if"
    if not numpy.can_cast(found.dtype, wanted) and not same_kind:
        raise SchemaMismatch(
            f"{what} is of type {found.dtype} and the model takes {spec.type}, which cannot hold all such values. Convert it "
            f"with astype('{spec.type}') if nothing is lost by that."
        )
    return found.astype(wanted)


def _check_shape(found: tuple[int, ...], wanted: tuple[int, ...], what: str) -> None:
    if len(found) != len(wanted) or any(size not in (-1, has) for has, size in zip(found, wanted, strict=True)):
        shape = ", ".join("any" if size == -1 else str(size) for size in wanted)
        raise SchemaMismatch(f"{what} has the shape {found}, and the model takes ({shape}).")


# Columns ----------------------------------------------------------------------------------------------------


def _columns(data: Any, schema: Schema) -> Any:
    frame = _frame(data, schema)
    if schema.has_input_names():
        _check_names(list(frame.columns), schema)
        specs = [spec for spec in schema if spec.name in frame.columns]
        frame = frame[[spec.name for spec in specs]]
    else:
        if frame.shape[1] != len(schema):
            raise SchemaMismatch(f"The model takes {len(schema)} columns, got {frame.shape[1]}.")
        specs = list(schema)
    converted = {}
    for position, spec in enumerate(specs):
        column = frame.iloc[:, position]
        as_it_should_be = _column(column, spec, f"Column '{frame.columns[position]}'")
        if as_it_should_be is not column:
            converted[position] = as_it_should_be
    if converted:
        frame = frame.copy()
        for position, column in converted.items():
            frame.isetitem(position, column)
    return frame


def _frame(data: Any, schema: Schema) -> Any:
    import numpy
    import pandas

    names = schema.input_names() if schema.has_input_names() else None
    if isinstance(data, pandas.DataFrame):
        return data
    if isinstance(data, pandas.Series):
        # One row when it is indexed by the columns, and one column otherwise.
        is_row = names is not None and set(schema.required_input_names()) <= set(data.index)
        return data.to_frame().T.infer_objects() if is_row else data.to_frame()
    if is_sparse(data):
        data = data.toarray()
    if isinstance(data, numpy.ndarray):
        return _frame_of_array(data, names, len(schema))
    if isinstance(data, dict):
        return _frame_of_dict(data, schema)
    if isinstance(data, list):
        if names is not None and data and not isinstance(data[0], dict):
            return _frame_of_array(numpy.asarray(data), names, len(schema))
        return pandas.DataFrame(data)
    if isinstance(data, (bool, int, float, str, bytes)) and names is None:
        return pandas.DataFrame([data])
    raise SchemaMismatch(f"The model takes columns, as a DataFrame, array, dict or list, got {_described(data)}.")


def _frame_of_array(data: Any, names: list[Any] | None, width: int) -> Any:
    import pandas

    if data.ndim == 1 and width == 1:
        data = data.reshape(-1, 1)
    if data.ndim != 2 or data.shape[1] != width:
        raise SchemaMismatch(
            f"The model takes {width} columns, got an array of the shape {data.shape}. Give one of the shape (rows, {width}), or "
            "a DataFrame with the columns' names."
        )
    return pandas.DataFrame(data, columns=names)


def _frame_of_dict(data: dict[str, Any], schema: Schema) -> Any:
    """A table of columns of several values, or of one row when the values are what one cell has."""
    import pandas

    nested = {spec.name for spec in schema if spec.nested and spec.type != ANY}
    is_row = any(name in nested for name in data) or not any(
        hasattr(value, "__len__") and not isinstance(value, (str, bytes, dict)) for value in data.values()
    )
    if is_row and not all(_is_cell(value, name in nested) for name, value in data.items()):
        is_row = False
    try:
        return pandas.DataFrame([data]) if is_row else pandas.DataFrame(data)
    except ValueError as error:
        raise SchemaMismatch(f"The dict cannot be made into columns: {error}.") from None


def _is_cell(value: Any, nested: bool) -> bool:
    if not nested:
        return isinstance(value, (str, bytes)) or not hasattr(value, "__len__")
    return not (isinstance(value, list) and value and isinstance(value[0], list))


def _column(column: Any, spec: ColSpec, what: str) -> Any:
    if spec.nested:
        return column
    dtype, wanted = column.dtype, spec.type
    if spec.required and wanted not in ("float", "double") and column.isna().any():
        raise SchemaMismatch(
            f"{what} must be there in every row, and {int(column.isna().sum())} values are missing. Fill them in"
            + _hint(spec)
            + "."
        )
    if wanted in _NUMPY:
        return _number(column, spec, what)
    if wanted == "datetime":
        if dtype.kind != "M":
            raise _wrong(what, dtype, wanted, "Convert it with pandas.to_datetime")
        return column
    kinds = {"string": (str,), "binary": (bytes, bytearray)}[str(wanted)]
    # Categories of texts are texts to a model.
    if dtype.kind != "O" or not all(isinstance(value, kinds) for value in column.dropna().unique()):
        raise _wrong(what, dtype, wanted, "Convert it with astype(str)" if wanted == "string" else "Give bytes")
    return column


def _number(column: Any, spec: ColSpec, what: str) -> Any:
    import numpy

    dtype, wanted = column.dtype, numpy.dtype(_NUMPY[str(spec.type)])
    if dtype == wanted:
        return column
    if dtype.kind == "O":
        # A row that came as a dict has whole numbers and fractions in one column.
        column = column.infer_objects()
        dtype = column.dtype
    if dtype.kind in "biuf" and _fits(column, dtype, wanted):
        return column if dtype.kind == wanted.kind and column.isna().any() else column.astype(wanted)
    raise _wrong(what, dtype, str(spec.type), f"Convert it with astype('{wanted}')" + _hint(spec))


def _fits(column: Any, dtype: Any, wanted: Any) -> bool:
    import numpy

    if (dtype.kind == "b") != (wanted.kind == "b"):
        return False
    plain = getattr(dtype, "numpy_dtype", dtype)
    # numpy takes any int64 for a float64, though those over 2^53 are not all there.
    if wanted.kind == "f" and plain.kind in "iu" and wanted.itemsize <= plain.itemsize:
        return bool((column.astype(wanted).astype(dtype) == column).all())
    if numpy.can_cast(plain, wanted):
        return True
    return plain.kind == "i" and wanted.kind == "i" and bool((column.astype(wanted) == column).all())


def _hint(spec: ColSpec) -> str:
    if spec.type not in ("integer", "long"):
        return ""
    return "; a column of whole numbers where some may be missing is better declared as double in the signature"


def _wrong(what: str, found: Any, wanted: Any, advice: str) -> SchemaMismatch:
    return SchemaMismatch(f"{what} is of type {found}, and the model takes {wanted}. {advice}.")


def _check_names(given: list[Any], schema: Schema) -> None:
    missing = [name for name in schema.required_input_names() if name not in given]
    if not missing:
        return
    expected = schema.input_names()
    others = [name for name in given if name not in expected]
    raise SchemaMismatch(
        f"The data lacks {_listed(missing)}, which the model needs"
        + (f"; it has {_listed(others)}, which the model does not know" if others else "")
        + f". The model takes {_listed(expected)}."
    )


def _listed(names: list[Any]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:20])
    return shown + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def _described(data: Any) -> str:
    return f"a {type(data).__name__}"


# Params -----------------------------------------------------------------------------------------------------


def enforce_params(params: dict[str, Any] | None, schema: ParamSchema | None) -> dict[str, Any] | None:
    """The params of `predict`, those that are not given with the values they have by default.

    Raises:
        SchemaMismatch: one is unknown, or not of its type.
    """
    if schema is None:
        if params:
            raise SchemaMismatch(f"The model takes no params, got {_listed(list(params))}. Leave them out.")
        return params
    known = {spec.name: spec for spec in schema}
    unknown = [name for name in params or {} if name not in known]
    if unknown:
        raise SchemaMismatch(f"The model has no param {_listed(unknown)}; it has {_listed(list(known))}.")
    given = params or {}
    return {name: _param(given[name], spec) if name in given else spec.default for name, spec in known.items()}


def _param(value: Any, spec: ParamSpec) -> Any:
    values = list(value) if spec.shape is not None and not isinstance(value, (str, bytes)) else [value]
    for each in values:
        if not _is_of(each, str(spec.type)):
            listed = "a list of " if spec.shape is not None else ""
            raise SchemaMismatch(f"The param '{spec.name}' must be {listed}{spec.type}, got {value!r}.")
    if spec.type in ("float", "double"):
        values = [float(each) for each in values]
    return values if spec.shape is not None else values[0]


def _is_of(value: Any, kind: str) -> bool:
    import datetime

    import numpy

    if kind == "boolean":
        return isinstance(value, (bool, numpy.bool_))
    if isinstance(value, (bool, numpy.bool_)):
        return False
    if kind in ("integer", "long"):
        return isinstance(value, (int, numpy.integer))
    if kind in ("float", "double"):
        return isinstance(value, (int, float, numpy.integer, numpy.floating))
    if kind == "datetime":
        return isinstance(value, (datetime.datetime, datetime.date, numpy.datetime64))
    return isinstance(value, str if kind == "string" else (bytes, bytearray))
