"""What a model says to data: labels or numbers, and scores where it has any."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from modelkeep.domain.errors import Invalid, ModelkeepError
from modelkeep.flavors import enforcing
from modelkeep.flavors.predictors import PythonModel
from modelkeep.flavors.pyfunc import PyFuncModel

T = TypeVar("T")

PROBA = "predict_proba"
DECISION = "decision_function"
PREDICT = "predict"


@dataclass(slots=True)
class Answers:
    """The answers of one model to one data set.

    Attributes:
        predictions: one for each row: labels of a classifier, numbers of anything else.
        classes: the labels that a classifier knows, in the order of the columns of its probabilities; None for others.
        probabilities: one column for each class, or None.
        decisions: signed distances from the border between classes, or None.
        scored_by: which method the scores come from; `predict` of a model that answers with scores.
    """

    predictions: Any
    classes: Any = None
    probabilities: Any = None
    decisions: Any = None
    scored_by: str | None = None

    @property
    def scores(self) -> Any:
        """Those of the positive class of two, else of all; None when there are none."""
        if self.probabilities is not None:
            return self.probabilities[:, 1] if self.probabilities.shape[1] == 2 else self.probabilities
        return self.decisions


def of(model: PyFuncModel, X: Any, y: Any) -> Answers:
    """Ask a model about data.

    Args:
        y: the true values, which tell whether a model that says nothing of itself answers with labels; or None.
    Raises:
        SchemaMismatch: the data is not what the model's signature says.
        Invalid: it fails, or gives another number of answers than there are rows.
    """
    answers = asked(lambda: _of(model, X, y))
    if len(answers.predictions) != len(X):
        raise Invalid(
            f"The model gave {len(answers.predictions):,} predictions for {len(X):,} rows, so they cannot be compared."
        )
    return answers


def asked(call: Callable[[], T]) -> T:
    """What a model answers.

    Raises:
        Invalid: it fails, in whatever way.
    """
    try:
        return call()
    except ModelkeepError:
        raise
    except Exception as error:
        raise Invalid(
            f"The model could not predict for this data: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
        ) from error


def _of(model: PyFuncModel, X: Any, y: Any) -> Answers:
    import numpy

    raw = model.get_raw_model()
    if hasattr(raw, "get_params") and hasattr(raw, PREDICT) and not isinstance(raw, PythonModel):
        signature = model.metadata.signature
        prepared = X if signature is None else enforcing.enforce_inputs(X, signature.inputs)
        return _of_estimator(raw, prepared)
    return _of_function(numpy.atleast_1d(numpy.asarray(model.predict(X))), y)


def _of_estimator(raw: Any, X: Any) -> Answers:
    import numpy

    predictions = numpy.asarray(raw.predict(X))
    classes = getattr(raw, "classes_", None)
    answers = Answers(predictions, None if classes is None else numpy.asarray(classes))
    if answers.classes is None or answers.classes.ndim != 1:
        answers.classes = None
        return answers
    if hasattr(raw, PROBA):
        answers.probabilities = numpy.asarray(raw.predict_proba(X))
        answers.scored_by = PROBA
    if hasattr(raw, DECISION):
        answers.decisions = numpy.asarray(raw.decision_function(X))
        answers.scored_by = answers.scored_by or DECISION
    return answers


def _of_function(predicted: Any, y: Any) -> Answers:
    """The answers of a model that has nothing but `predict`: labels, numbers, or scores of the classes in `y`."""
    import numpy

    if predicted.ndim == 2 and predicted.shape[1] == 1:
        predicted = predicted[:, 0]
    truth = None if y is None else numpy.asarray(y)
    classes = None if truth is None or truth.ndim != 1 or not _are_labels(truth) else numpy.unique(truth)
    if predicted.ndim == 2:
        if classes is not None and predicted.shape[1] == len(classes):
            return Answers(classes[predicted.argmax(axis=1)], classes, predicted, None, PREDICT)
        return Answers(predicted)
    if classes is None or predicted.dtype.kind != "f" or numpy.isin(predicted, classes).all():
        # A model that says the labels of some other column is no classifier of this one.
        return Answers(predicted, classes if classes is not None and numpy.isin(predicted, classes).all() else None)
    if len(classes) == 2 and predicted.min() >= 0 and predicted.max() <= 1:
        both = numpy.column_stack([1 - predicted, predicted])
        return Answers(classes[(predicted >= 0.5).astype(int)], classes, both, None, PREDICT)
    return Answers(predicted)


def _are_labels(truth: Any) -> bool:
    """Whether true values are labels of two classes, or texts; more numbers than two may as well be measurements."""
    import numpy

    return truth.dtype.kind in "OUSbT" or len(numpy.unique(truth)) <= 2
