"""What a model does with data that is not as it should be.

A model is fine when it answers, with one prediction for each row and numbers that are finite; and it is fine when it says
what is wrong: an error that names the column or, for wrong types, shows the value. Anything else is a fault: an error that
leads nowhere, predictions that are not numbers, or another number of them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from modelkeep.domain.errors import Invalid
from modelkeep.validation.data import head, is_frame
from modelkeep.validation.performance import NotMeasured

# Of more columns so many are tried, evenly spread: each takes a call.
COLUMNS_LIMIT = 50
ROWS = 10
WRONG_TEXT = "not-a-number"


@dataclass(slots=True)
class Found:
    """What came of trying.

    Attributes:
        answered, refused: how many columns the model went on without, and for how many it said what is wrong.
        faults: what it did instead, by column.
    """

    answered: int = 0
    refused: int = 0
    faults: dict[str, str] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """Of the columns tried, those the model was fine with."""
        tried = self.answered + self.refused + len(self.faults)
        return (self.answered + self.refused) / tried


def missing_columns(predict: Callable[[Any], Any], X: Any) -> Found:
    """Leave out each column in turn.

    Raises:
        NotMeasured: the data has no columns to leave out.
    """
    import numpy

    rows = head(X, ROWS)
    found = Found()
    if is_frame(X):
        if rows.shape[1] < 2:
            raise NotMeasured(f"'missing_columns' leaves out one column in turn, and the data has {rows.shape[1]}.")
        for index in _spread(rows.shape[1]):
            name = rows.columns[index]
            _try(found, predict, rows.drop(columns=[name]), str(name), [str(name)])
        return found
    if getattr(rows, "ndim", 0) != 2 or rows.shape[1] < 2:
        raise NotMeasured("'missing_columns' needs a table of at least two columns.")
    for index in _spread(rows.shape[1]):
        # Columns without names can only be counted.
        _try(found, predict, numpy.delete(rows, index, axis=1), f"column {index}", [str(rows.shape[1])])
    return found


def wrong_types(predict: Callable[[Any], Any], X: Any) -> Found:
    """Put text in each column of numbers in turn, and a number in each of text.

    Raises:
        NotMeasured: the data has no columns, or only such as nothing is wrong in.
    """
    import numpy

    rows = head(X, ROWS)
    found = Found()
    if is_frame(X):
        for index in _spread(rows.shape[1]):
            name = rows.columns[index]
            wrong = _wrong_for(rows.iloc[:, index])
            if wrong is None:
                continue
            changed = rows.copy()
            changed.isetitem(index, [wrong] * len(rows))
            _try(found, predict, changed, str(name), [str(name), str(wrong)])
    elif getattr(rows, "ndim", 0) == 2 and rows.dtype.kind in "iufb":
        for index in _spread(rows.shape[1]):
            changed = rows.astype(object)
            changed[:, index] = WRONG_TEXT
            _try(found, predict, changed, f"column {index}", [WRONG_TEXT, "object", "type", numpy.dtype("O").name])
    if not (found.answered or found.refused or found.faults):
        raise NotMeasured("'wrong_types' needs columns of numbers or text to put something else in.")
    return found


def _wrong_for(column: Any) -> Any:
    kind = getattr(column.dtype, "kind", "O")
    if kind in "iufb":
        return WRONG_TEXT
    present = column.dropna()
    return 1.5 if kind in "OUST" and len(present) and all(isinstance(each, str) for each in present) else None


def _spread(count: int) -> list[int]:
    """At most COLUMNS_LIMIT of so many places."""
    if count <= COLUMNS_LIMIT:
        return list(range(count))
    return sorted({index * (count - 1) // (COLUMNS_LIMIT - 1) for index in range(COLUMNS_LIMIT)})


def _try(found: Found, predict: Callable[[Any], Any], data: Any, name: str, tells: list[str]) -> None:
    import numpy

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            predicted = numpy.asarray(predict(data))
    except Exception as error:
        text = " ".join(str(error).split())
        if isinstance(error, Invalid) or any(each.lower() in text.lower() for each in tells):
            found.refused += 1
        else:
            found.faults[name] = f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
        return
    if predicted.ndim == 0 or len(predicted) != len(data):
        found.faults[name] = f"it gave {predicted.size:,} predictions for {len(data):,} rows"
    elif predicted.dtype.kind == "f" and not numpy.isfinite(predicted).all():
        found.faults[name] = "it predicted what is not a number"
    else:
        found.answered += 1
