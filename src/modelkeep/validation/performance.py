"""How right a model is: scorers of scikit-learn, and functions of the caller's."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

from modelkeep.domain.errors import Invalid
from modelkeep.validation.answers import DECISION, PREDICT, PROBA, Answers
from modelkeep.validation.checks import SCORES, Check
from modelkeep.validation.packages import need

# Names that people use for scorers that scikit-learn calls otherwise.
_ALSO = {"brier": "neg_brier_score", "auc": "roc_auc"}
# Functions of scikit-learn that mean something else, or nothing, when they are given labels.
_OF_SCORES = {
    "roc_auc_score": "roc_auc",
    "average_precision_score": "average_precision",
    "log_loss": "log_loss",
    "brier_score_loss": "brier",
}
CLASSIFICATION = ("accuracy", "balanced_accuracy")
OF_TWO_CLASSES = ("f1", "precision", "recall")
OF_TWO_SCORED_CLASSES = ("roc_auc", "average_precision", "log_loss", "brier")
REGRESSION = ("r2", "mean_absolute_error", "root_mean_squared_error")


class NotMeasured(Exception):
    """Why something could not be measured, as a sentence."""


def check_scorer(check: Check) -> None:
    """See to it that a check's scorer exists.

    Raises:
        Invalid: there is none of that name, or it cannot be called.
        MissingPackage: scikit-learn is not installed.
    """
    if check.scorer is not None:
        _scorer(check.scorer)


def _scorer(given: Any) -> tuple[Any, int]:
    """A scorer, and 1 or -1: losses are known by their own names, and scikit-learn keeps them negative."""
    if callable(given):
        return given, 1
    metrics = need("sklearn.metrics", f"The scorer '{given}'")
    if not isinstance(given, str):
        raise Invalid(f"The scorer {given!r:.100} is neither a name nor can it be called.")
    name = _ALSO.get(given, given)
    known = metrics.get_scorer_names()
    if name in known:
        return metrics.get_scorer(name), -1 if given in _ALSO and name.startswith("neg_") else 1
    if f"neg_{name}" in known:
        return metrics.get_scorer(f"neg_{name}"), -1
    raise Invalid(
        f"There is no measure '{given}'. Use one of Modelkeep's (docs/validation.md), a scorer of scikit-learn, or give a "
        f"function. The scorers: {', '.join(known)}."
    )


def defaults(answers: Answers, y: Any) -> list[Check]:
    """What is measured of a model when nobody says what: what fits it and the true values."""
    if answers.predictions.ndim != 1:
        return []
    if answers.classes is None:
        is_number = getattr(y, "dtype", None) is not None and y.dtype.kind in "iuf"
        return [Check(name, name) for name in REGRESSION] if is_number else []
    chosen = list(CLASSIFICATION)
    if len(answers.classes) == 2:
        # These need to know which class is the positive one.
        chosen += OF_TWO_CLASSES if set(answers.classes.tolist()) <= {0, 1, -1} and 1 in answers.classes else ()
        if answers.probabilities is not None:
            chosen += OF_TWO_SCORED_CLASSES
        elif answers.decisions is not None:
            chosen += OF_TWO_SCORED_CLASSES[:2]
    return [Check(name, name) for name in chosen]


def measure(check: Check, answers: Answers, X: Any, y: Any) -> tuple[float, str]:
    """The value of a check, and which answers of the model it was made of: the name of a method.

    Raises:
        NotMeasured: it needs scores and there are none, or cannot be told of these answers.
    """
    function = check.function
    if function is not None:
        own = getattr(function, "__name__", "")
        if getattr(function, "__module__", "").startswith("sklearn.metrics") and own in _OF_SCORES:
            return _scored(check.name, _OF_SCORES[own], answers, X, y)
        if len(_required(function)) >= 3:
            return _scored(check.name, function, answers, X, y)
        return _called(check, function, answers, y)
    return _scored(check.name, check.scorer, answers, X, y)


def _required(function: Callable[..., Any]) -> list[str]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [each.name for each in parameters if each.kind in kinds and each.default is inspect.Parameter.empty]


def _called(check: Check, function: Callable[[Any, Any], Any], answers: Answers, y: Any) -> tuple[float, str]:
    if check.on == SCORES:
        if answers.scores is None:
            raise NotMeasured(_needs_scores(check.name))
        return _number(check.name, _tried(check.name, lambda: function(y, answers.scores))), answers.scored_by or ""
    return _number(check.name, _tried(check.name, lambda: function(y, answers.predictions))), PREDICT


def _tried(name: str, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:
        raise NotMeasured(f"'{name}' could not be measured: {_told(error)}") from error


def _told(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__


def _scored(name: str, given: Any, answers: Answers, X: Any, y: Any) -> tuple[float, str]:
    scorer, sign = _scorer(given)
    asked: list[str] = []
    estimator = _standing_in(answers, asked)
    try:
        value = scorer(estimator, X, y)
    except Exception as error:
        if isinstance(error, AttributeError) and answers.scores is None:
            raise NotMeasured(_needs_scores(name)) from error
        raise NotMeasured(f"'{name}' could not be measured: {_told(error)}") from error
    by = next((each for each in (PROBA, DECISION) if each in asked), PREDICT)
    return sign * _number(name, value), PREDICT if answers.scored_by == PREDICT else by


def _needs_scores(name: str) -> str:
    return (
        f"'{name}' needs scores, and the model gives labels only: it has neither predict_proba nor decision_function. "
        "Measured on labels it would mean something else."
    )


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise NotMeasured(f"'{name}' gave {value!r:.100}, which is no number.") from None
    if not math.isfinite(number):
        raise NotMeasured(f"'{name}' is {number}, which is no value that could be judged.")
    return number


def _standing_in(answers: Answers, asked: list[str]) -> Any:
    """An estimator that has given its answers, so that each scorer asks it again at no cost; notes what was asked."""
    base: Any = need("sklearn.base", "A scorer")
    kind = base.RegressorMixin if answers.classes is None else base.ClassifierMixin
    methods = {PREDICT: answers.predictions, PROBA: answers.probabilities, DECISION: answers.decisions}
    # Scorers look at what an estimator is, and at which methods it has, before they ask it.
    made = type(
        "Answered",
        (kind, base.BaseEstimator),
        {name: _method(name, given, asked) for name, given in methods.items() if given is not None},
    )
    estimator = made()
    if answers.classes is not None:
        estimator.classes_ = answers.classes
    return estimator


def _method(name: str, given: Any, asked: list[str]) -> Callable[[Any, Any], Any]:
    def answer(self: Any, X: Any) -> Any:
        asked.append(name)
        return given

    answer.__name__ = name  # by which scorers tell what it gives
    return answer
