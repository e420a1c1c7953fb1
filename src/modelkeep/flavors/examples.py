"""Input examples: kept beside the model as MLflow keeps them, as JSON for people and for a scoring server."""

from __future__ import annotations

import base64
import datetime
import json
from pathlib import Path
from typing import Any

from modelkeep.domain.errors import Invalid
from modelkeep.flavors.errors import NotAModel
from modelkeep.flavors.inferring import is_sparse
from modelkeep.flavors.mlmodels import MLmodel

FILE = "input_example.json"
SERVING_FILE = "serving_input_example.json"


def write(example: Any, folder: Path) -> dict[str, Any]:
    """Write an example into a model's folder, and return what its MLmodel file says about it.

    Args:
        example: a DataFrame, array, dict, list, single value or sparse matrix; with a dict of params as a pair of both.
    Raises:
        Invalid: it cannot be written as JSON.
    """
    data, params = split(example)
    info: dict[str, Any] = {"artifact_path": FILE, "serving_input_path": SERVING_FILE}
    content, serving = _content(data, info)
    if params:
        info["params"] = "true"
        content = {"inputs": content, "params": params}
        serving = {**serving, "params": params}
    try:
        (folder / FILE).write_text(json.dumps(content, default=_plain), encoding="utf-8")
        (folder / SERVING_FILE).write_text(json.dumps(serving, default=_plain, indent=2), encoding="utf-8")
    except (TypeError, ValueError) as error:
        raise Invalid(
            f"The input example cannot be written as JSON: {error}. Give numbers, texts, lists and dicts."
        ) from None
    return info


def split(example: Any) -> tuple[Any, dict[str, Any] | None]:
    """The data of an example, and the params if it is a pair of both."""
    if isinstance(example, tuple) and len(example) == 2 and isinstance(example[1], dict):
        return example
    return example, None


def _content(data: Any, info: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    import numpy
    import pandas

    if isinstance(data, pandas.Series):
        data = data.to_frame()
    if isinstance(data, pandas.DataFrame):
        content = _of_frame(data)
        info |= {"type": "dataframe", "pandas_orient": "split"}
        return content, {"dataframe_split": content}
    if is_sparse(data):
        name = "sparse_matrix_csc" if data.format == "csc" else "sparse_matrix_csr"
        info["type"] = name
        matrix = data if data.format == "csc" else data.tocsr()
        content = {
            "data": matrix.data.tolist(),
            "indices": matrix.indices.tolist(),
            "indptr": matrix.indptr.tolist(),
            "shape": list(matrix.shape),
        }
        return content, {"inputs": matrix.toarray().tolist()}
    if isinstance(data, numpy.ndarray):
        info["type"] = "ndarray"
        return data.tolist(), {"inputs": data.tolist()}
    if isinstance(data, dict) and data and all(isinstance(value, numpy.ndarray) for value in data.values()):
        info["type"] = "ndarray"
        content = {name: value.tolist() for name, value in data.items()}
        return content, {"inputs": content}
    info["type"] = "json_object"
    return data, {"inputs": data}


def _of_frame(frame: Any) -> dict[str, Any]:
    content = frame.to_dict(orient="split")
    # An index that only counts says nothing.
    if list(content["index"]) == list(range(len(frame))):
        del content["index"]
    # MLflow writes NaN, which is not JSON; both read null.
    missing = frame.isna().to_numpy()
    content["data"] = [
        [None if missing[row][column] else value for column, value in enumerate(values)]
        for row, values in enumerate(content["data"])
    ]
    return content


def _plain(value: Any) -> Any:
    """What JSON has no word for, as MLflow writes it."""
    if isinstance(value, (bytes, bytearray)):
        return base64.encodebytes(value).decode("ascii")
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} is in it")


def read(model: MLmodel, folder: Path) -> Any:
    """The example that was saved with a model, as it was given, or None; with params, a pair of both.

    Raises:
        NotAModel: the file is not what the MLmodel file says.
    """
    info = model.saved_input_example_info
    if not info:
        return None
    try:
        content = json.loads((folder / Path(info["artifact_path"]).name).read_bytes())
        if "params" in info:
            return _data(content["inputs"], info, model), content["params"]
        return _data(content, info, model)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise NotAModel(f"The input example in '{folder}' cannot be read: {error!r}.") from None


def _data(content: Any, info: dict[str, Any], model: MLmodel) -> Any:
    kind = info["type"]
    inputs = None if model.signature is None else model.signature.inputs
    if kind == "dataframe":
        import pandas

        frame = pandas.DataFrame(**content) if isinstance(content, dict) else pandas.DataFrame(content)
        if inputs is not None and inputs.has_input_names():
            for spec in inputs:
                if spec.type == "datetime":
                    frame[spec.name] = pandas.to_datetime(frame[spec.name])
        return frame
    if kind == "ndarray":
        import numpy

        types = {} if inputs is None else {spec.name: spec.type for spec in inputs}
        if isinstance(content, dict):
            return {name: numpy.asarray(value, dtype=types.get(name)) for name, value in content.items()}
        return numpy.asarray(content, dtype=types.get(None))
    if kind.startswith("sparse_matrix"):
        from scipy import sparse

        make = sparse.csc_matrix if kind.endswith("csc") else sparse.csr_matrix
        return make((content["data"], content["indices"], content["indptr"]), shape=tuple(content["shape"]))
    return content
