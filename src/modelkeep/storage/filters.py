"""Filters as SQL: a parsed filter becomes one condition with named parameters.

The statement around it names its tables `models m`, `versions v` (joined to `models m`), `experiments e`, `runs r`
or `logged_models l`, and itself says which rows are live. A comparison with a tag, metric, param, alias or data set is
an EXISTS, never a JOIN, so a row is never found twice. No part is ever NULL, so NOT has two values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from modelkeep.domain.filters import And, Comparison, Node, Not, Or, Scalar
from modelkeep.domain.searching import ATTRIBUTE, DATASET, METRIC, PARAM, TAG, VOCABULARIES
from modelkeep.domain.stages import NONE

Parameters = dict[str, str | int | float]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the row that is searched."""

    sql: str
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Linked:
    """Rows that hang on the row that is searched, and the column of theirs that is compared.

    `latest` picks one row where there may be several.
    """

    tables: str
    condition: str
    value: str = "t.value"
    has_key: bool = True
    has_nan: bool = False
    latest: str | None = None


_OWN_NAMES = {
    "models": "m",
    "versions": "v",
    "experiments": "e",
    "runs": "r",
    "logged_models": "l",
}
_RENAMED = {
    ("versions", "name"): "m.name",
    ("versions", "version_number"): "v.number",
    ("versions", "source_path"): "v.source",
    ("versions", "promoted_at"): "v.promoted_timestamp",
    ("experiments", "experiment_id"): "e.id",
    ("runs", "run_id"): "r.id",
    ("runs", "run_name"): "r.name",
    ("logged_models", "model_id"): "l.id",
}
_NEWEST = "t.timestamp DESC, t.step DESC, t.run_id, t.dataset_name, t.dataset_digest"
_LINKED = {
    ("models", TAG): Linked("model_tags t", "t.model_id = m.id"),
    ("models", "alias"): Linked("aliases t", "t.model_id = m.id", "t.alias", has_key=False),
    ("models", "current_stage"): Linked(
        "versions t", "t.model_id = m.id AND t.deleted_timestamp IS NULL", "t.current_stage", has_key=False
    ),
    ("versions", TAG): Linked("version_tags t", "t.model_id = v.model_id AND t.number = v.number"),
    ("versions", "alias"): Linked(
        "aliases t", "t.model_id = v.model_id AND t.number = v.number", "t.alias", has_key=False
    ),
    ("versions", METRIC): Linked("latest_metrics t", "t.run_id = v.run_id", has_nan=True),
    ("versions", PARAM): Linked("params t", "t.run_id = v.run_id"),
    ("experiments", TAG): Linked("experiment_tags t", "t.experiment_id = e.id"),
    ("runs", TAG): Linked("run_tags t", "t.run_id = r.id"),
    ("runs", METRIC): Linked("latest_metrics t", "t.run_id = r.id", has_nan=True),
    ("runs", PARAM): Linked("params t", "t.run_id = r.id"),
    ("logged_models", TAG): Linked("logged_model_tags t", "t.logged_model_id = l.id"),
    ("logged_models", METRIC): Linked(
        "logged_model_metrics t", "t.logged_model_id = l.id", has_nan=True, latest=_NEWEST
    ),
    ("logged_models", PARAM): Linked("logged_model_params t", "t.logged_model_id = l.id"),
}
_DATASETS = {
    "name": Linked("run_datasets i JOIN datasets t ON t.id = i.dataset_id", "i.run_id = r.id", "t.name", has_key=False),
    "digest": Linked(
        "run_datasets i JOIN datasets t ON t.id = i.dataset_id", "i.run_id = r.id", "t.digest", has_key=False
    ),
    "context": Linked(
        "run_dataset_tags t", "t.run_id = r.id AND t.key = 'mlflow.data.context'", "t.value", has_key=False
    ),
}


def locate(noun: str, kind: str, key: str) -> Column | Linked:
    """Where the value of a term of a noun's vocabulary is kept."""
    if kind == DATASET:
        return _DATASETS[key]
    linked = _LINKED.get((noun, key if kind == ATTRIBUTE else kind))
    if linked is not None:
        return linked
    nullable = VOCABULARIES[noun].attributes[key].nullable
    return Column(_RENAMED.get((noun, key), f"{_OWN_NAMES[noun]}.{key}"), nullable)


@dataclass(slots=True)
class _Compilation:
    noun: str
    measured_on: str = ""
    parameters: Parameters = field(default_factory=dict)

    def bind(self, value: Scalar) -> str:
        name = f"f{len(self.parameters)}"
        self.parameters[name] = value
        return f":{name}"


def compile_filter(
    node: Node | None,
    noun: str,
    datasets: Sequence[tuple[str, str | None]] = (),
) -> tuple[str, Parameters]:
    """A condition that is true for the rows that meet a filter, and its parameters `f0`, `f1`, ….

    Args:
        node: None is no filter.
        datasets: (name, digest or None) of the data sets on which a logged model's metrics must have been measured;
            without a metric in the filter, models that have any metric on one of them.
    """
    compilation = _Compilation(noun)
    measured = [_measured_on(name, digest, compilation) for name, digest in datasets]
    compilation.measured_on = f" AND ({' OR '.join(measured)})" if measured else ""
    conditions = [] if node is None else [_render(node, compilation)]
    if measured and not _compares_metric(node):
        metrics = _LINKED[noun, METRIC]
        conditions.append(f"EXISTS (SELECT 1 FROM {metrics.tables} WHERE {metrics.condition}{compilation.measured_on})")
    return " AND ".join(conditions) or "TRUE", compilation.parameters


def _measured_on(name: str, digest: str | None, compilation: _Compilation) -> str:
    condition = f"t.dataset_name = {compilation.bind(name)}"
    return condition if digest is None else f"({condition} AND t.dataset_digest = {compilation.bind(digest)})"


def _compares_metric(node: Node | None) -> bool:
    if node is None or isinstance(node, Comparison):
        return node is not None and node.kind == METRIC
    children = (node.child,) if isinstance(node, Not) else node.children
    return any(_compares_metric(child) for child in children)


def _render(node: Node, compilation: _Compilation) -> str:
    match node:
        case And():
            return "(" + " AND ".join(_render(child, compilation) for child in node.children) + ")"
        case Or():
            return "(" + " OR ".join(_render(child, compilation) for child in node.children) + ")"
        case Not():
            return f"(NOT {_render(node.child, compilation)})"
    place = locate(compilation.noun, node.kind, node.key)
    if isinstance(place, Column):
        return _compare_column(place, node, compilation)
    return _exists(place, node, compilation)


def _compare_column(column: Column, leaf: Comparison, compilation: _Compilation) -> str:
    if leaf.value is None:
        return f"({column.sql} {leaf.operator})"
    condition = _compare(column.sql, leaf, compilation)
    if column.nullable:
        condition = f"{column.sql} IS NOT NULL AND {condition}"
    if leaf.operator == "LIKE" and leaf.key == "name":
        condition += _begins(column.sql, str(leaf.value), compilation)
    if _is_in_a_stage(leaf):
        # Says what the index on the stages other than None needs to hear.
        condition += f" AND {column.sql} <> '{NONE}'"
    return f"({condition})"


def _begins(sql: str, pattern: str, compilation: _Compilation) -> str:
    """Repeats what a LIKE implies, so that an index on names is entered where the pattern begins."""
    bounds = beginning(pattern)
    if bounds is None:
        return ""
    first, end = bounds
    condition = f" AND {sql} >= {compilation.bind(first)}"
    return condition if end is None else f"{condition} AND {sql} < {compilation.bind(end)}"


def beginning(pattern: str, most: int | None = None) -> tuple[str, str | None] | None:
    """The first text that a LIKE can match, and the first after all of them (None: there is none); by their bytes.

    None when the pattern has no fixed beginning.

    Args:
        most: characters to look at.
    """
    fixed = pattern.split("%", 1)[0].split("_", 1)[0].split("\0", 1)[0][:most]
    if not fixed:
        return None
    for index in reversed(range(len(fixed))):
        code = ord(fixed[index])
        if code < 0x10FFFF:
            return fixed, fixed[:index] + chr(0xE000 if code == 0xD7FF else code + 1)
    return fixed, None


def _is_in_a_stage(leaf: Comparison) -> bool:
    values = leaf.value if isinstance(leaf.value, tuple) else (leaf.value,)
    return leaf.key == "current_stage" and leaf.operator in ("=", "IN") and NONE not in values


def _exists(linked: Linked, leaf: Comparison, compilation: _Compilation) -> str:
    condition = linked.condition
    if linked.has_key:
        condition += f" AND t.key = {compilation.bind(leaf.key)}"
    if linked.has_nan:
        condition += compilation.measured_on
    if leaf.value is not None:
        compared = _compare(linked.value, leaf, compilation)
        if linked.has_nan:
            # NaN is kept as 0, and differs from every number.
            differs = leaf.operator in ("!=", "NOT IN")
            compared = f"(t.is_nan = 1 OR {compared})" if differs else f"t.is_nan = 0 AND {compared}"
        condition += f" AND {compared}"
    negation = "NOT " if leaf.operator == "IS NULL" else ""
    # Without OFFSET 0 PostgreSQL may make it a join and begin with it.
    return f"({negation}EXISTS (SELECT 1 FROM {linked.tables} WHERE {condition}/*postgres OFFSET 0*/))"


def _compare(sql: str, leaf: Comparison, compilation: _Compilation) -> str:
    value = leaf.value
    assert value is not None
    if isinstance(value, tuple):
        names = ", ".join(compilation.bind(each) for each in value)
        return f"{sql} {leaf.operator} ({names})"
    if leaf.operator == "LIKE":
        return _like(sql, str(value), compilation)
    if leaf.operator == "ILIKE":
        return _ilike(sql, compilation.bind(value))
    return f"{sql} {'<>' if leaf.operator == '!=' else leaf.operator} {compilation.bind(value)}"


def _like(sql: str, pattern: str, compilation: _Compilation) -> str:
    # LIKE of SQLite ignores the case of ASCII letters unless a PRAGMA says otherwise; GLOB never does, and uses an index
    # for a fixed beginning. LIKE of PostgreSQL has an escape character unless told that it has none.
    glob, like = compilation.bind(_as_glob(pattern)), compilation.bind(pattern)
    return f"{sql} /*sqlite*/GLOB {glob}/*postgres LIKE {like} ESCAPE ''*/"


def _as_glob(pattern: str) -> str:
    special = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}
    return "".join(special.get(character, character) for character in pattern)


def _ilike(sql: str, pattern: str) -> str:
    # Ignores the case of ASCII letters only, as MLflow's does on SQLite: so does lower() of PostgreSQL in this collation.
    return f"lower({sql}) LIKE lower({pattern}/*postgres COLLATE \"C\"*/)/*postgres ESCAPE ''*/"


def pinned_name(node: Node | None) -> str | None:
    """The only name that a filter admits, so that sorting by name has no effect; None when it admits others."""
    if isinstance(node, And):
        return next((name for child in node.children if (name := pinned_name(child)) is not None), None)
    if isinstance(node, Comparison) and (node.kind, node.key, node.operator) == (ATTRIBUTE, "name", "="):
        return str(node.value)
    return None
