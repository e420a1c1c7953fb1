"""Crafted files: indices that lead out of the model are refused before anything is predicted."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

import modelkeep.pyfunc
import modelkeep.sklearn
from modelkeep.flavors import bounds
from modelkeep.flavors.errors import Unsafe
from tests.flavors.models import make


def craft(path: Path, change: Callable[[str, np.ndarray], np.ndarray | None]) -> int:
    """Replace arrays in a skops file by what `change` makes of each; return how many were replaced."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    changed = 0
    for name, data in content.items():
        if name.endswith(".npy"):
            replaced = change(name, np.load(io.BytesIO(data)))
            if replaced is not None:
                buffer = io.BytesIO()
                np.save(buffer, replaced)
                content[name] = buffer.getvalue()
                changed += 1
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return changed


def craft_numbers(path: Path, key: str, value: int) -> int:
    """Replace a number in a skops file's JSON, wherever it is the value of this key."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(content["schema.json"])
    changed = 0
    waiting: list[Any] = [schema]
    number = 10**9
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            if isinstance(each.get(key), dict) and each[key].get("__loader__") == "JsonNode":
                # Equal numbers share an id, and the first of them wins.
                number += 1
                each[key] |= {"content": json.dumps(value), "__id__": number}
                changed += 1
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
    content["schema.json"] = json.dumps(schema).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return changed


def _set(field: str, value: Any, position: int = 0) -> Callable[[str, np.ndarray], np.ndarray | None]:
    def change(name: str, array: np.ndarray) -> np.ndarray | None:
        if array.dtype.names is None or field not in array.dtype.names:
            return None
        crafted = array.copy()
        crafted[field].reshape(-1)[position] = value
        return crafted

    return change


TREE_CHANGES = {
    "a child after the last node": _set("left_child", 10**9),
    "a child before the first node": _set("right_child", -(10**6)),
    "a child that is a leaf's mark on one side": _set("left_child", -1),
    "a loop": _set("left_child", 0),
    "the same child twice": _set("left_child", 2),
    "a feature after the last": _set("feature", 10**6),
    "a feature before the first": _set("feature", -(10**6)),
}


@pytest.mark.parametrize("name", ["tree", "random forest", "boosting, two classes", "isolation forest", "AdaBoost"])
@pytest.mark.parametrize("change", TREE_CHANGES)
def test_a_crafted_tree_is_refused(name, change, tmp_path):
    model, _ = make(name)
    modelkeep.sklearn.save_model(model, tmp_path / "model")
    assert craft(tmp_path / "model" / "model.skops", TREE_CHANGES[change])

    for load in (modelkeep.sklearn.load_model, modelkeep.pyfunc.load_model):
        with pytest.raises(Unsafe, match=r"(tree|split|node|leaf).*trust=True"):
            load(tmp_path / "model")


def test_trust_loads_a_crafted_tree_for_whoever_says_so(tmp_path):
    model, _ = make("tree")
    modelkeep.sklearn.save_model(model, tmp_path / "model")
    craft(tmp_path / "model" / "model.skops", TREE_CHANGES["a feature after the last"])

    assert modelkeep.sklearn.load_model(tmp_path / "model", trust=True).tree_.feature[0] == 10**6


def test_naming_the_type_of_a_tree_does_not_switch_the_look_at_it_off(tmp_path):
    model, _ = make("tree")
    modelkeep.sklearn.save_model(model, tmp_path / "model")
    craft(tmp_path / "model" / "model.skops", TREE_CHANGES["a feature after the last"])

    with pytest.raises(Unsafe):
        modelkeep.sklearn.load_model(tmp_path / "model", trusted_types=["sklearn.tree._tree.Tree"])


@pytest.mark.parametrize(
    "name",
    [
        "tree",
        "random forest",
        "boosting, three classes",
        "isolation forest",
        "histogram boosting",
        "neighbors",
        "k-means",
    ],
)
def test_a_model_that_takes_narrower_data_than_its_parts_is_refused(name, tmp_path):
    # Its own check lets two columns pass, and its parts read more.
    model, _ = make(name)
    modelkeep.sklearn.save_model(model, tmp_path / "model")
    assert craft_numbers(tmp_path / "model" / "model.skops", "n_features_in_", 2)

    with pytest.raises(Unsafe, match=r"wide|width|features|splits"):
        modelkeep.sklearn.load_model(tmp_path / "model")


def test_an_isolation_forest_whose_trees_read_more_features_than_it_takes_is_refused():
    model, _ = make("isolation forest")
    bounds.check(model)

    # Feature 0 many times: as wide as the tree, and wider than the data that it is given when all features are.
    model.n_features_in_ = 2
    model.estimators_features_ = [np.zeros(15, dtype=int) for _ in model.estimators_]

    with pytest.raises(Unsafe, match="IsolationForest is not of its width"):
        bounds.check(model)


def test_boosting_with_more_trees_in_a_row_than_places_for_their_results_is_refused(tmp_path):
    model, _ = make("boosting, from zero")
    modelkeep.sklearn.save_model(model, tmp_path / "model")
    assert craft_numbers(tmp_path / "model" / "model.skops", "n_trees_per_iteration_", 1)

    with pytest.raises(Unsafe, match="3 trees in a row"):
        modelkeep.sklearn.load_model(tmp_path / "model")


HISTOGRAM_CHANGES = {
    "a child after the last node": _set("left", 10**6),
    "a loop": _set("right", 0),
    "a feature after the last": _set("feature_idx", 10**6),
    "categories of a number": _set("is_categorical", 1),
}


@pytest.mark.parametrize("change", HISTOGRAM_CHANGES)
def test_a_crafted_tree_of_histogram_boosting_is_refused(change, tmp_path):
    model, _ = make("histogram boosting")
    modelkeep.sklearn.save_model(model, tmp_path / "model")
    assert craft(tmp_path / "model" / "model.skops", HISTOGRAM_CHANGES[change])

    with pytest.raises(Unsafe):
        modelkeep.sklearn.load_model(tmp_path / "model")


def test_categories_that_are_not_there_are_refused(tmp_path):
    model, _ = make("histogram boosting, categories")
    modelkeep.sklearn.save_model(model, tmp_path / "model")

    def change(name: str, array: np.ndarray) -> np.ndarray | None:
        if array.dtype.names is None or "bitset_idx" not in array.dtype.names or not array["is_categorical"].any():
            return None
        crafted = array.copy()
        crafted["bitset_idx"][crafted["is_categorical"] != 0] = 10**6
        return crafted

    assert craft(tmp_path / "model" / "model.skops", change)
    with pytest.raises(Unsafe, match="categories"):
        modelkeep.sklearn.load_model(tmp_path / "model")


def _index(name: str, array: np.ndarray) -> np.ndarray | None:
    # The only array of whole numbers in which every number up to its length is there once.
    if (
        array.ndim != 1
        or array.dtype.kind != "i"
        or not np.array_equal(np.sort(array), np.arange(array.size))
        or array.size < 9
    ):
        return None
    crafted = array.copy()
    crafted[0] = 10**9
    return crafted


@pytest.mark.parametrize("name", ["neighbors, k-d tree", "neighbors, ball tree"])
@pytest.mark.parametrize(
    "change",
    [_set("idx_end", 10**6), _set("idx_start", -5), _set("is_leaf", 0, -1), _index],
    ids=["end", "start", "leaf", "index"],
)
def test_a_crafted_tree_of_neighbors_is_refused(name, change, tmp_path):
    model, _ = make(name)
    modelkeep.sklearn.save_model(model, tmp_path / "model")
    assert craft(tmp_path / "model" / "model.skops", change)

    with pytest.raises(Unsafe, match="are not parts of its"):
        modelkeep.sklearn.load_model(tmp_path / "model")


def test_a_support_vector_machine_with_missing_intercepts_is_refused():
    model, _ = make("SVM")
    bounds.check(model)

    model._intercept_ = model._intercept_[:1]

    with pytest.raises(Unsafe, match="not of their sizes"):
        bounds.check(model)


def test_a_sparse_matrix_that_points_out_of_itself_is_refused():
    from scipy import sparse

    matrix = sparse.csr_matrix(np.eye(3))
    bounds.check([matrix])

    matrix.indices[0] = 100

    with pytest.raises(Unsafe, match="sparse matrix"):
        bounds.check([matrix])


@pytest.mark.parametrize("hide", [lambda tree: np.array([tree, None], dtype=object), lambda tree: {"a": [(tree,)]}])
def test_a_tree_is_found_wherever_it_is(hide):
    tree = DecisionTreeClassifier().fit([[0.0], [1.0]], [0, 1]).tree_

    with pytest.raises(Unsafe, match="does not belong to a tree model"):
        bounds.check(hide(tree))
