"""The data that a model is validated on: as callers have it, and from files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelkeep.client.datasets import numpy_digest, pandas_digest
from modelkeep.domain.errors import Invalid
from modelkeep.validation.packages import need

if TYPE_CHECKING:
    from modelkeep.client.client import Client

SUFFIXES = (".csv", ".parquet", ".npz")
_REMOTE = ("runs:/", "models:/", "mlflow-artifacts:/")


def is_frame(X: Any) -> bool:
    """Whether data has columns with names."""
    return hasattr(X, "iloc") and hasattr(X, "columns")


def head(X: Any, rows: int) -> Any:
    """The first rows."""
    return X.iloc[:rows] if hasattr(X, "iloc") else X[:rows]


def prepared(X: Any, y: Any) -> tuple[Any, Any, str]:
    """The features, the true values as an array or None, and the digest of the two together, which is MLflow's.

    Args:
        y: the true values, or the name of their column in `X`.
    Raises:
        Invalid: there are no rows, or the two do not fit together.
        MissingPackage: pandas is not installed.
    """
    numpy = need("numpy", "Validating a model")
    need("pandas", "Validating a model")
    if hasattr(X, "toarray") or isinstance(X, dict):
        raise Invalid(f"X is a {type(X).__name__}; give a DataFrame or an array.")
    if not hasattr(X, "iloc"):
        X = numpy.asarray(X)
    if getattr(X, "ndim", 0) == 0 or len(X) == 0:
        raise Invalid("X has no rows, so there is nothing that the model could be validated on.")
    if isinstance(y, str):
        if not is_frame(X):
            raise Invalid(
                f"y is '{y}', the name of a column, and X has no columns with names. Give the true values as y."
            )
        if y not in X.columns:
            raise Invalid(f"X has no column '{y}'; it has: {', '.join(map(str, X.columns))[:500]}.")
        return X.drop(columns=[y]), _truth(X[y], len(X)), pandas_digest(X)
    truth = None if y is None else _truth(y, len(X))
    if not is_frame(X):
        return X, truth, numpy_digest(X if not hasattr(X, "iloc") else X.to_numpy(), truth)
    return X, truth, pandas_digest(X if truth is None else _together(X, y, truth))


def _truth(y: Any, rows: int) -> Any:
    import numpy
    import pandas

    truth = numpy.asarray(y)
    if truth.ndim == 2 and truth.shape[1] == 1:
        truth = truth[:, 0]
    if truth.ndim == 0 or len(truth) != rows:
        raise Invalid(
            f"X has {rows:,} rows and y has {len(truth) if truth.ndim else 1:,} values; each row needs its own."
        )
    missing = int(pandas.isna(truth).sum())
    if missing:
        raise Invalid(f"{missing:,} of the {rows:,} values of y are missing. Leave these rows out.")
    return truth


def _together(X: Any, y: Any, truth: Any) -> Any:
    """The features with the true values as their last column, as people log a data set."""
    if truth.ndim != 1:
        return X
    name = getattr(y, "name", None)
    if name is None or name in X.columns:
        name = "target"
        while name in X.columns:
            name += "_"
    whole = X.copy(deep=False)
    whole[name] = truth
    return whole


def read(client: Client, place: str, target: str | None) -> tuple[Any, Any, str]:
    """What `validate` takes as X and y, and the file's name, from a file or from one in the registry.

    Args:
        place: a path, or an address as `runs:/<run id>/<path>`, of a csv, parquet or npz file.
        target: the column, or the array of an npz file, with the true values.
    Raises:
        Invalid: it cannot be read, or has no such column.
        NotFound: the registry has no such file.
        MissingPackage: pandas, or pyarrow for parquet, is not installed.
    """
    with _local(client, place) as path:
        X, y = _read(path, target)
        return X, y, path.name


@contextmanager
def _local(client: Client, place: str) -> Iterator[Path]:
    if not place.startswith(_REMOTE):
        yield _checked(Path(place).expanduser())
        return
    with tempfile.TemporaryDirectory(prefix="modelkeep-data-") as folder:
        yield _checked(Path(client.download_uri(place, folder)))


def _checked(path: Path) -> Path:
    if path.suffix.lower() not in SUFFIXES:
        raise Invalid(f"'{path.name}' is none of the files that data is read from: {', '.join(SUFFIXES)}.")
    if not path.is_file():
        raise Invalid(f"There is no file '{path}'.")
    return path


def _read(path: Path, target: str | None) -> tuple[Any, Any]:
    if path.suffix.lower() == ".npz":
        return _arrays(path, target)
    pandas = need("pandas", f"Reading '{path.name}'")
    if path.suffix.lower() == ".parquet":
        need("pyarrow", f"Reading '{path.name}'")
    try:
        frame = pandas.read_csv(path) if path.suffix.lower() == ".csv" else pandas.read_parquet(path)
    except Exception as error:  # whatever a reader makes of bytes that are something else
        raise Invalid(f"'{path}' cannot be read: {' '.join(str(error).split())[:300]}") from None
    if target is not None and target not in frame.columns:
        raise Invalid(f"'{path.name}' has no column '{target}'; it has: {', '.join(map(str, frame.columns))[:500]}.")
    return frame, target


def _arrays(path: Path, target: str | None) -> tuple[Any, Any]:
    numpy = need("numpy", f"Reading '{path.name}'")
    try:
        with numpy.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except Exception as error:
        raise Invalid(f"'{path}' cannot be read: {' '.join(str(error).split())[:300]}") from None
    wanted = target or ("y" if "y" in arrays else None)
    if target is not None and target not in arrays:
        raise Invalid(f"'{path.name}' has no array '{target}'; it has: {', '.join(arrays)[:500]}.")
    others = [name for name in arrays if name != wanted]
    name = "X" if "X" in others else others[0] if len(others) == 1 else None
    if name is None:
        raise Invalid(
            f"'{path.name}' has the arrays {', '.join(arrays)[:500] or 'nothing'}: call the features 'X', and name the "
            "true values with the target."
        )
    return arrays[name], None if wanted is None else arrays[wanted]
