"""Whether the numbers inside a loaded scikit-learn model stay within the model.

scikit-learn's compiled code follows the indices of a tree without looking (scikit-learn 1.9): in a crafted file they
would make a prediction read, or for gradient boosting write, memory that is not the model's. Here every object that can
be reached from the model is looked at once, before anything is predicted. A model is refused as soon as something about
it is not as scikit-learn itself makes it, also where that would do no harm.
"""

from __future__ import annotations

import gc
import types
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from modelkeep.domain.trusted_types import PLAIN_METRICS
from modelkeep.flavors.errors import Unsafe

_LEAF = -1
# Nothing of a model is behind these, and all of the interpreter is behind functions and modules.
_ENDS = (
    str, bytes, int, float, bool, complex, type(None), type, types.ModuleType, types.FunctionType,
    types.BuiltinFunctionType, types.CodeType, types.FrameType,
)  # fmt: skip


def check(model: Any) -> None:
    """Look at everything that a model loaded from a file holds.

    Raises:
        Unsafe: some indices lead, or could lead, out of the model.
    """
    checks = _checks()
    owned: set[int] = set()
    trees: list[Any] = []
    for each in reachable(model):
        for kind, look in checks:
            if isinstance(each, kind):
                look(each)
        fields = getattr(each, "__dict__", None)
        if isinstance(fields, dict) and "tree_" in fields and _is_tree_model(each):
            owned.add(id(fields["tree_"]))
        if _is_tree(each):
            trees.append(each)
    # A tree elsewhere would be asked by nobody knows whom, with data of nobody knows what width.
    if any(id(tree) not in owned for tree in trees):
        _refuse("A decision tree does not belong to a tree model")


def reachable(model: Any) -> Iterator[Any]:
    """Every object that a model holds, each once, itself first."""
    import numpy

    seen = {id(model)}
    waiting = [model]
    while waiting:
        each = waiting.pop()
        yield each
        held = gc.get_referents(each)
        if isinstance(each, numpy.ndarray) and each.dtype.hasobject:
            # An array does not tell the collector of garbage what is in it.
            held += list(each.ravel()) if each.dtype.kind == "O" else _refuse(f"An array has the type {each.dtype}")
        for found in held:
            if not isinstance(found, _ENDS) and id(found) not in seen:
                seen.add(id(found))
                waiting.append(found)


def _refuse(what: str) -> NoReturn:
    raise Unsafe(
        f"{what}, so this file was crafted, was damaged, or was written by another version of scikit-learn: predicting with "
        "it could read memory that is not the model's. If you know where it comes from, load it with trust=True."
    )


def _is_tree(each: Any) -> bool:
    from sklearn.tree._tree import Tree

    return isinstance(each, Tree)


def _is_tree_model(each: Any) -> bool:
    from sklearn.tree import BaseDecisionTree

    return isinstance(each, BaseDecisionTree)


def _checks() -> list[tuple[Any, Callable[[Any], None]]]:
    """What to look at in objects of which class."""
    from scipy import sparse
    from sklearn.cluster import BisectingKMeans, KMeans, MiniBatchKMeans
    from sklearn.ensemble import IsolationForest
    from sklearn.ensemble._forest import BaseForest
    from sklearn.ensemble._gb import BaseGradientBoosting
    from sklearn.ensemble._hist_gradient_boosting.gradient_boosting import BaseHistGradientBoosting
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
    from sklearn.metrics import DistanceMetric
    from sklearn.metrics._dist_metrics import DistanceMetric32, DistanceMetric64
    from sklearn.neighbors import BallTree, KDTree
    from sklearn.neighbors._base import NeighborsBase
    from sklearn.svm._base import BaseLibSVM
    from sklearn.tree import BaseDecisionTree
    from sklearn.tree._tree import Tree

    return [
        (Tree, _tree),
        (BaseDecisionTree, _tree_model),
        (BaseForest, _forest),
        (IsolationForest, _isolation_forest),
        (BaseGradientBoosting, _gradient_boosting),
        (TreePredictor, _predictor),
        (BaseHistGradientBoosting, _hist_gradient_boosting),
        ((KDTree, BallTree), _neighbor_tree),
        ((DistanceMetric, DistanceMetric64, DistanceMetric32), _metric),
        (BaseLibSVM, _support_vectors),
        ((KMeans, MiniBatchKMeans, BisectingKMeans), _centers),
        (NeighborsBase, _neighbors),
        ((sparse.spmatrix, sparse.sparray), _sparse),
    ]


# Trees ------------------------------------------------------------------------------------------------------


def _tree(tree: Any) -> None:
    """Every split names a feature, and every node but the first is the child of exactly one before it."""
    import numpy

    count = tree.node_count
    if count < 1:
        _refuse(f"A decision tree has {count} nodes")
    left, right, feature = tree.children_left, tree.children_right, tree.feature
    splits = numpy.flatnonzero(left != _LEAF)
    if (right[left == _LEAF] != _LEAF).any():
        _refuse("A leaf of a decision tree has a child")
    _children(splits, left[splits], right[splits], count)
    _features(feature[splits], tree.n_features)
    # In a file the arrays may be longer than the tree, which nothing that scikit-learn wrote is.
    if tree.value.shape[0] != count or tree.__getstate__()["nodes"].shape[0] != count:
        _refuse("A decision tree does not have as many values as nodes")


def _children(splits: Any, left: Any, right: Any, count: int) -> None:
    import numpy

    children = numpy.concatenate([left, right]).astype(numpy.int64)
    if not numpy.array_equal(numpy.sort(children), numpy.arange(1, count)):
        _refuse(f"The children in a tree of {count} nodes are not its nodes, each once")
    if (left <= splits).any() or (right <= splits).any():
        _refuse("A node of a tree is its own ancestor")


def _features(used: Any, count: int) -> None:
    if used.size and not (used.min() >= 0 and used.max() < count):
        _refuse(f"A tree splits by feature {used.max()} or {used.min()}, and there are {count}")


def _tree_model(model: Any) -> None:
    tree = vars(model).get("tree_")
    if tree is None:
        return
    if not _is_tree(tree) or tree.n_features != _width(model):
        _refuse("A decision tree is not of its model's width")


def _width(model: Any) -> int | None:
    """How many features a model checks that its data has; None when it would not check."""
    import numpy

    found = vars(model).get("n_features_in_")
    return int(found) if isinstance(found, (int, numpy.integer)) and found > 0 else None


def _estimators(model: Any) -> Iterator[Any]:
    """The trees of an ensemble, which gives them its data unchecked."""
    import numpy

    found = vars(model).get("estimators_")
    if found is None:
        return
    for each in found.ravel() if isinstance(found, numpy.ndarray) else found:
        if not _is_tree_model(each) or not _is_tree(vars(each).get("tree_")):
            _refuse(f"A {type(model).__name__} holds a {type(each).__name__} among its trees")
        yield each


def _forest(model: Any) -> None:
    for each in _estimators(model):
        if each.tree_.n_features != _width(model):
            _refuse(f"A tree in a {type(model).__name__} is not of its width")


def _isolation_forest(model: Any) -> None:
    import numpy

    trees = list(_estimators(model))
    chosen = vars(model).get("estimators_features_")
    if not trees:
        return
    width = _width(model)
    if width is None or not isinstance(chosen, list) or len(chosen) != len(trees):
        _refuse("An IsolationForest does not say which features its trees read")
    for each, features in zip(trees, chosen, strict=True):
        # A tree is given its features, which numpy checks, or all of them when there are said to be as many.
        count = each.tree_.n_features
        if (
            count > width
            or not isinstance(features, numpy.ndarray)
            or features.shape != (count,)
            or features.dtype.kind not in "iu"
        ):
            _refuse("A tree in an IsolationForest is not of its width")


def _gradient_boosting(model: Any) -> None:
    """Predictions are added in place, in as many columns as there are trees in a row."""
    import numpy

    found = vars(model).get("estimators_")
    if found is None:
        return
    if not isinstance(found, numpy.ndarray) or found.ndim != 2 or not found.size:
        _refuse(f"The trees of a {type(model).__name__} are not in rows and columns")
    for each in _estimators(model):
        if each.tree_.n_features != _width(model) or each.tree_.value.shape[1:] != (1, 1):
            _refuse(f"A tree in a {type(model).__name__} is not of its width")
    columns = found.shape[1]
    if vars(model).get("n_trees_per_iteration_") != columns or not _first_guess(model, columns):
        _refuse(f"A {type(model).__name__} has {columns} trees in a row, and other places for their results")


def _first_guess(model: Any, columns: int) -> bool:
    """Whether the estimator that a boosted model starts from gives that many columns."""
    import numpy
    from sklearn.base import is_classifier
    from sklearn.dummy import DummyClassifier, DummyRegressor

    init = vars(model).get("init_")
    if isinstance(init, str) and init == "zero":
        return True
    if type(init) not in (DummyClassifier, DummyRegressor) or vars(init).get("n_outputs_") != 1:
        return False
    if not is_classifier(model):
        constant = vars(init).get("constant_")
        return (
            type(init) is DummyRegressor
            and columns == 1
            and isinstance(constant, numpy.ndarray)
            and constant.shape == (1, 1)
        )
    loss = getattr(model, "_loss", None)
    prior = vars(init).get("class_prior_")
    classes = 2 if columns == 1 else columns
    return (
        type(init) is DummyClassifier
        and vars(init).get("strategy") == "prior"
        and isinstance(prior, numpy.ndarray)
        and prior.shape == (classes,)
        and vars(init).get("n_classes_") == classes
        and bool(getattr(loss, "is_multiclass", None)) == (columns > 1)
    )


def _predictor(predictor: Any) -> None:
    """A tree of histogram gradient boosting, by itself."""
    import numpy
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE

    nodes = vars(predictor).get("nodes")
    if (
        not isinstance(nodes, numpy.ndarray)
        or nodes.ndim != 1
        or nodes.dtype != PREDICTOR_RECORD_DTYPE
        or not nodes.size
    ):
        _refuse("The nodes of a boosted tree are not such nodes")
    inner = nodes["is_leaf"] == 0
    splits = numpy.flatnonzero(inner)
    _children(splits, nodes["left"][splits], nodes["right"][splits], nodes.size)
    by_category = nodes["bitset_idx"][inner & (nodes["is_categorical"] != 0)]
    for name in ("raw_left_cat_bitsets", "binned_left_cat_bitsets"):
        bits = vars(predictor).get(name)
        if (
            not isinstance(bits, numpy.ndarray)
            or bits.ndim != 2
            or bits.shape[1] != 8
            or bits.dtype != numpy.uint32
            or (by_category.size and by_category.max() >= bits.shape[0])
        ):
            _refuse("A boosted tree splits by categories that it does not have")


def _hist_gradient_boosting(model: Any) -> None:
    import numpy

    rows = vars(model).get("_predictors")
    if rows is None:
        return
    width = _width(model)
    mapper = vars(model).get("_bin_mapper")
    by_category = numpy.zeros(width or 0, dtype=bool)
    if mapper is not None and vars(mapper).get("is_categorical_") is not None:
        by_category = numpy.asarray(mapper.is_categorical_).astype(bool)
    if width is None or by_category.shape != (width,) or not _keeps_width(model, width):
        _refuse(f"A {type(model).__name__} does not know how wide its data is")
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        _refuse(f"The trees of a {type(model).__name__} are not in rows")
    for predictor in (each for row in rows for each in row):
        _predictor(predictor)
        inner = predictor.nodes[predictor.nodes["is_leaf"] == 0]
        _features(inner["feature_idx"], width)
        if not by_category[inner["feature_idx"][inner["is_categorical"] != 0]].all():
            _refuse(f"A tree in a {type(model).__name__} splits a number by categories")
    _known_categories(mapper, by_category, width)


def _known_categories(mapper: Any, by_category: Any, width: int) -> None:
    """What scikit-learn makes of the categories at each prediction has a row for each of them."""
    import numpy

    if not by_category.any():
        return
    try:
        bits, rows = mapper.make_known_categories_bitsets()
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        _refuse(f"The categories of a boosted model cannot be read ({error})")
    if (
        rows.shape != (width,)
        or bits.ndim != 2
        or bits.shape[1] != 8
        or numpy.asarray(rows)[by_category].max() >= bits.shape[0]
    ):
        _refuse("A boosted model splits by categories that it does not have")


def _keeps_width(model: Any, width: int) -> bool:
    """Whether what is done to the data first leaves it as wide as the trees were made for."""
    import numpy
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

    before = vars(model).get("_preprocessor")
    if before is None:
        return True
    if type(before) is not ColumnTransformer or _width(before) != width:
        return False
    steps = vars(before).get("transformers_")
    if not isinstance(steps, list):
        return False
    columns = numpy.zeros(width, dtype=int)
    for _, step, chosen in steps:
        if isinstance(step, str) and step == "drop":
            continue
        if type(step) not in (OrdinalEncoder, FunctionTransformer):
            return False
        if type(step) is FunctionTransformer and not _only_checks(step.func):
            return False
        chosen = numpy.asarray(chosen)
        if chosen.shape == (width,) and chosen.dtype == bool:
            columns += chosen
        elif (
            chosen.ndim == 1
            and chosen.dtype.kind in "iu"
            and (not chosen.size or (chosen.min() >= 0 and chosen.max() < width))
        ):
            columns[chosen] += 1
        else:
            return False
    return bool((columns == 1).all())


def _only_checks(function: Any) -> bool:
    import functools

    from sklearn.utils import check_array

    return function is None or (isinstance(function, functools.partial) and function.func is check_array)


# Others -----------------------------------------------------------------------------------------------------


def _neighbor_tree(tree: Any) -> None:
    """A KD or ball tree: its nodes are parts of its index, its index is of its points."""
    import numpy

    data, index, nodes, bounds, _, levels, count, *_, metric, weights = tree.__getstate__()
    points, width = data.shape
    start, end, leaf = (nodes[name] for name in ("idx_start", "idx_end", "is_leaf"))
    inner = numpy.flatnonzero(leaf == 0)
    if (
        nodes.shape != (count,)
        or not 0 < levels < 64
        or count != 2**levels - 1
        or index.shape != (points,)
        or not points
        or bounds.ndim != 3
        or bounds.shape[0] != (2 if "KD" in type(tree).__name__ else 1)
        or bounds.shape[1:] != (count, width)
        or (inner.size and 2 * inner.max() + 2 >= count)
        or start.min() < 0
        or (start > end).any()
        or end.max() > points
        or index.min() < 0
        or index.max() >= points
        or (weights is not None and numpy.shape(weights) != (points,))
    ):
        _refuse(f"The nodes of a {type(tree).__name__} are not parts of its {points} points")
    if type(metric).__name__.startswith("Haversine") and width != 2:
        _refuse("A distance on the globe is measured between points that are not latitude and longitude")


def _metric(metric: Any) -> None:
    name = type(metric).__name__.partition("Distance")[0]
    weights = metric.__getstate__()[1] if name == "Minkowski" else ()
    if name not in PLAIN_METRICS or len(weights):
        _refuse(f"A {type(metric).__name__} reads arrays of its own, whose size nothing checks")


def _support_vectors(model: Any) -> None:
    """An SVM: as many coefficients and intercepts as libsvm will read for its classes and vectors."""
    import numpy

    fields = vars(model)
    if "support_" not in fields:
        return
    names = ("support_", "support_vectors_", "_n_support", "_dual_coef_", "_intercept_")
    if not all(hasattr(fields.get(name), "shape") for name in names):
        _refuse("A support vector machine lacks some of its arrays")
    support, vectors, counts, coefficients, intercept = (fields[name] for name in names)
    number = support.shape[0] if support.ndim == 1 else -1
    is_classifier = getattr(model, "_impl", None) in ("c_svc", "nu_svc")
    classes = counts.shape[0] if is_classifier else 2
    pairs = classes * (classes - 1) // 2
    if isinstance(model.kernel, str) and model.kernel == "precomputed":
        # The vectors are rows of what was fitted, and so columns of the data.
        fitted = fields.get("shape_fit_", (0,))[0]
        are_there = not number or (support.min() >= 0 and support.max() < fitted)
    else:
        are_there = vectors.shape == (number, _width(model))
    if (
        not are_there
        or counts.ndim != 1
        or counts.shape[0] < 2
        or counts.min() < 0
        or counts[: classes if is_classifier else 1].sum() != number
        or coefficients.shape != (classes - 1, number)
        or intercept.shape != (pairs,)
        or any(numpy.size(fields.get(name, ())) not in (0, pairs) for name in ("_probA", "_probB"))
    ):
        _refuse("The arrays of a support vector machine are not of their sizes")


def _centers(model: Any) -> None:
    centers = vars(model).get("cluster_centers_")
    if centers is not None and (getattr(centers, "ndim", 0) != 2 or centers.shape[1] != _width(model)):
        _refuse(f"The centers of a {type(model).__name__} are not of its width")


def _neighbors(model: Any) -> None:
    points, tree = vars(model).get("_fit_X"), vars(model).get("_tree")
    metric = vars(model).get("metric")
    if points is not None and metric != "precomputed" and getattr(points, "shape", ())[1:] != (_width(model),):
        _refuse(f"The points of a {type(model).__name__} are not of its width")
    if tree is not None and tree.__getstate__()[0].shape != getattr(points, "shape", None):
        _refuse(f"The tree of a {type(model).__name__} is not of its points")


def _sparse(matrix: Any) -> None:
    if hasattr(matrix, "check_format"):
        try:
            matrix.check_format(full_check=True)
        except (ValueError, TypeError) as error:
            _refuse(f"A sparse matrix does not hold together ({error})")
