"""How a model's predictions are spread: their mean, and how far they are from those of another model."""

from __future__ import annotations

from typing import Any

from modelkeep.validation.answers import Answers
from modelkeep.validation.performance import NotMeasured

BINS = 10
# A share of nothing would make the index infinite.
_LEAST_SHARE = 1e-4


def mean(answers: Answers) -> float:
    """The mean of the predictions; of labels that are no numbers, of two, the share of the second one.

    Raises:
        NotMeasured: the predictions have no mean.
    """
    import numpy

    predicted = answers.predictions
    if predicted.ndim == 1 and predicted.dtype.kind in "iufb":
        found = float(predicted.mean())
        if not numpy.isfinite(found):
            raise NotMeasured("The mean of the predictions is not a number: some of them are not.")
        return found
    if predicted.ndim == 1 and answers.classes is not None and len(answers.classes) == 2:
        return float((predicted == answers.classes[1]).mean())
    raise NotMeasured("The predictions have no mean: they are neither numbers nor labels of two classes.")


def psi(now: Answers, before: Answers) -> tuple[float, str]:
    """The population stability index of one model's predictions against another's, and of what it was made.

    Numbers are counted in ten parts of which each holds a tenth of the other model's; labels by themselves. Shares below
    0.0001 are taken for that.

    Raises:
        NotMeasured: the two cannot be compared.
    """
    import numpy

    (ours, theirs), what = _comparable(now, before)
    if ours.dtype.kind in "iufb" and theirs.dtype.kind in "iufb" and what != "labels":
        edges = numpy.unique(numpy.quantile(theirs, numpy.linspace(0, 1, BINS + 1)[1:-1]))
        counts = [
            numpy.bincount(numpy.searchsorted(edges, each, side="right"), minlength=len(edges) + 1)
            for each in (ours, theirs)
        ]
    else:
        labels = numpy.unique(numpy.concatenate([ours.astype(str), theirs.astype(str)]))
        counts = [numpy.array([(each.astype(str) == label).sum() for label in labels]) for each in (ours, theirs)]
    shares = [numpy.clip(each / each.sum(), _LEAST_SHARE, None) for each in counts]
    return float(((shares[0] - shares[1]) * numpy.log(shares[0] / shares[1])).sum()), what


def ks(now: Answers, before: Answers) -> tuple[float, str]:
    """The Kolmogorov-Smirnov distance of the two: the largest difference of their cumulative shares, 0 to 1.

    Raises:
        NotMeasured: the two cannot be compared, or are labels.
    """
    import numpy

    (ours, theirs), what = _comparable(now, before)
    if what == "labels":
        raise NotMeasured("'ks' compares numbers, and the predictions are labels without scores. Use 'psi'.")
    points = numpy.sort(numpy.concatenate([ours, theirs]))
    shares = [numpy.searchsorted(numpy.sort(each), points, side="right") / len(each) for each in (ours, theirs)]
    return float(numpy.abs(shares[0] - shares[1]).max()), what


def _comparable(now: Answers, before: Answers) -> tuple[tuple[Any, Any], str]:
    """Of both the same: scores of two classes where both have them from one kind of method, else the predictions."""
    import numpy

    found: tuple[Any, Any] = (now.predictions, before.predictions)
    what = "predictions" if now.classes is None and before.classes is None else "labels"
    if now.classes is not None and before.classes is not None:
        for attribute in ("probabilities", "decisions"):
            pair = getattr(now, attribute), getattr(before, attribute)
            if any(each is None for each in pair):
                continue
            if attribute == "probabilities" and all(each.shape[1] == 2 for each in pair):
                found, what = (pair[0][:, 1], pair[1][:, 1]), "probabilities"
                break
            if attribute == "decisions" and all(each.ndim == 1 for each in pair):
                found, what = pair, "decisions"
                break
    if any(each.ndim != 1 for each in found):
        raise NotMeasured("Predictions of several values for each row cannot be compared with those of the champion.")
    if what == "predictions" and any(each.dtype.kind not in "iufb" for each in found):
        what = "labels"
    if what != "labels":
        found = found[0].astype(float), found[1].astype(float)
        if not all(numpy.isfinite(each).all() for each in found):
            raise NotMeasured("The predictions cannot be compared with those of the champion: some are not numbers.")
    return found, what
