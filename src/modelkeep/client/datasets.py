"""Data sets: what a run read, by name and digest, as MLflow's `mlflow.data` describes it.

The digest is MLflow's (`mlflow/data/digest_utils.py` 3.17.2), so the same data has the same one whichever client logged
it: the first eight digits of an MD5 over pandas' own hashes of the first 10,000 rows, and over the size. It tells data
sets apart; it proves nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from functools import cached_property
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelkeep.client import contexts
from modelkeep.client.entities import Dataset as DatasetEntity
from modelkeep.client.entities import DatasetInput, InputTag
from modelkeep.domain.datasets import CONTEXT_TAG
from modelkeep.domain.errors import Invalid

if TYPE_CHECKING:
    import numpy
    import pandas

ROWS = 10_000
_DEFAULT_NAME = "dataset"


class Dataset:
    """A data set in memory, with where it came from.

    Attributes:
        source: a JSON text, which `source_type` tells how to read.
        schema, profile: JSON texts.
    """

    def __init__(
        self, data: Any, source: Any, name: str | None, digest: str, schema: str | None, profile: dict[str, Any]
    ):
        self._data = data
        self.name = name or _DEFAULT_NAME
        self.digest = digest
        self.source_type, self.source = _described(source)
        self.schema = schema
        self.profile = json.dumps(profile)

    def to_dict(self) -> dict[str, Any]:
        """What is recorded of it."""
        names = ("name", "digest", "source", "source_type", "schema", "profile")
        return {name: getattr(self, name) for name in names}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} '{self.name}' {self.digest}>"


class PandasDataset(Dataset):
    """A DataFrame."""

    targets: str | None = None
    predictions: str | None = None

    @property
    def df(self) -> pandas.DataFrame:
        """The DataFrame."""
        return self._data


class NumpyDataset(Dataset):
    """Arrays: one, or several by name."""

    @cached_property
    def features(self) -> Any:
        """The features."""
        return self._data[0]

    @cached_property
    def targets(self) -> Any:
        """The targets, or None."""
        return self._data[1]


def from_pandas(
    df: pandas.DataFrame,
    source: Any = None,
    targets: str | None = None,
    name: str | None = None,
    digest: str | None = None,
    predictions: str | None = None,
) -> PandasDataset:
    """A data set from a DataFrame.

    Args:
        source: a path or address it was read from; the running program by default.
        targets, predictions: names of columns.
        digest: computed when it is not given.
    Raises:
        Invalid: there is no such column.
    """
    for kind, column in (("targets", targets), ("predictions", predictions)):
        if column is not None and column not in df.columns:
            raise Invalid(f"The specified pandas DataFrame does not contain the specified {kind} column '{column}'.")
    profile = {"num_rows": len(df), "num_elements": int(df.size)}
    made = PandasDataset(df, source, name, digest or pandas_digest(df), _columns(df), profile)
    made.targets, made.predictions = targets, predictions
    return made


def from_numpy(
    features: Any, source: Any = None, targets: Any = None, name: str | None = None, digest: str | None = None
) -> NumpyDataset:
    """A data set from arrays: one, or several by name."""
    profile: dict[str, Any] = {}
    tensors: dict[str, Any] = {"features": _tensors(features), "targets": _tensors(targets)}
    for kind, arrays in (("features", features), ("targets", targets)):
        if arrays is not None:
            for measure in ("shape", "size", "nbytes"):
                profile[f"{kind}_{measure}"] = _measured(arrays, measure)
    schema = json.dumps({"mlflow_tensorspec": tensors})
    return NumpyDataset((features, targets), source, name, digest or numpy_digest(features, targets), schema, profile)


def _measured(arrays: Any, measure: str) -> Any:
    if isinstance(arrays, dict):
        return {key: _measured(array, measure) for key, array in arrays.items()}
    return getattr(arrays, measure)


def given_input(dataset: Any, context: str | None, tags: dict[str, str] | None) -> DatasetInput:
    """What is logged of a data set of ours or of MLflow's own, with what it was used for."""
    described = dataset.to_dict()
    names = DatasetEntity.__struct_fields__
    found = list((tags or {}).items()) + ([(CONTEXT_TAG, context)] if context else [])
    return DatasetInput(
        DatasetEntity(**{name: described.get(name) for name in names}),
        [InputTag(key, str(value)) for key, value in found],
    )


def _described(source: Any) -> tuple[str, str]:
    """The type and the JSON of a source, as MLflow's clients read them."""
    if source is None:
        return "code", json.dumps({"tags": contexts.tags()})
    if hasattr(source, "to_json") and hasattr(source, "_get_source_type"):  # one of MLflow's own
        return source._get_source_type(), source.to_json()
    text = os.fspath(source) if isinstance(source, Path) else str(source)
    scheme = text.partition("://")[0] if "://" in text else ""
    if scheme in ("http", "https"):
        return "http", json.dumps({"url": text})
    return (scheme if scheme and scheme != "file" else "local"), json.dumps({"uri": text})


# Digests ----------------------------------------------------------------------------------------------------


def pandas_digest(df: pandas.DataFrame) -> str:
    """MLflow's digest of a DataFrame: over its columns of numbers and of nothing but text."""
    import numpy
    import pandas

    head = df.head(ROWS)
    # Over all rows, not only the first ones, as MLflow decides it.
    texts = [_are_all(df.iloc[:, index], str) for index in range(df.shape[1])]
    columns = head.columns[texts].union(head.select_dtypes(include=[numpy.number]).columns)
    hashes = pandas.util.hash_pandas_object(head[columns]).values
    return _short_md5([hashes.tobytes(), _int64(len(df)), *(str(column).encode() for column in df.columns)])


def numpy_digest(features: Any, targets: Any = None) -> str:
    """MLflow's digest of arrays."""
    parts: list[bytes] = []
    for item in (features, targets):
        if item is not None:
            arrays = [item[key] for key in sorted(item)] if isinstance(item, dict) else [item]
            for array in arrays:
                parts += _hashed(array)
    return _short_md5(parts)


def _hashed(array: numpy.ndarray) -> Iterator[bytes]:
    import pandas

    head = array.flatten()[:ROWS]
    try:
        yield pandas.util.hash_array(head).tobytes()
    except TypeError:
        yield _int64(head.size)
    for length in array.shape:
        yield _int64(length)


def _int64(number: int) -> bytes:
    return int(number).to_bytes(8, sys.byteorder, signed=True)


def _short_md5(parts: list[bytes]) -> str:
    md5 = hashlib.md5(usedforsecurity=False)
    for part in parts:
        md5.update(part)
    return md5.hexdigest()[:8]


# Schemas ----------------------------------------------------------------------------------------------------

_KINDS = {"int8": "integer", "int16": "integer", "int32": "integer", "uint8": "integer", "uint16": "integer",
          "int64": "long", "uint32": "long", "float16": "float", "float32": "float", "float64": "double",
          "bool": "boolean", "boolean": "boolean", "str": "string", "string": "string"}  # fmt: skip


def _columns(df: pandas.DataFrame) -> str | None:
    """The columns' names and types, None when one has a type that MLflow has no name for."""
    columns: list[dict[str, Any]] = []
    for index, name in enumerate(df.columns):
        column = df.iloc[:, index]
        kind = _kind(column)
        if kind is None:
            return None
        columns.append(
            {
                "type": kind,
                "name": int(name) if isinstance(name, Integral) else str(name),
                "required": not bool(column.isna().any()),
            }
        )
    return json.dumps({"mlflow_colspec": columns})


def _kind(column: pandas.Series) -> str | None:
    name = str(column.dtype).lower()
    if name.startswith("datetime64"):
        return "datetime"
    if name == "object":
        present = column.dropna()
        if _are_all(present, str):
            return "string"
        return "binary" if _are_all(present, bytes) else None
    return _KINDS.get(name)


def _are_all(column: pandas.Series, kind: type) -> bool:
    return all(type(value) is kind for value in column)


def _tensors(arrays: Any) -> str | None:
    """A JSON text: MLflow puts one inside the other."""
    if arrays is None:
        return None
    if isinstance(arrays, dict):
        return json.dumps([{"name": name} | _tensor(array) for name, array in arrays.items()])
    return json.dumps([_tensor(arrays)])


def _tensor(array: numpy.ndarray) -> dict[str, Any]:
    dtype = array.dtype.name if array.dtype.kind not in "US" else "str"
    return {"type": "tensor", "tensor-spec": {"dtype": dtype, "shape": [-1, *array.shape[1:]]}}
