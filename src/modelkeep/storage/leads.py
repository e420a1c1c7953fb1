"""Leads: where a search starts.

A search walks its rows in the order asked for and stops when the page is full. That costs the whole table when few rows
meet the filter, so a search may start elsewhere: from the tags, params, metrics or aliases of a value, which an index
knows. What is in that index is counted first, up to a bound: no search looks at more than FEW hits to find its start.
The filter itself is asked of each row whichever way it was found, so a lead may offer too much, never too little.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from modelkeep.domain.filters import And, Comparison, Node, Not, Or, Scalar
from modelkeep.domain.searching import ATTRIBUTE, DATASET, METRIC, PARAM, TAG
from modelkeep.domain.stages import NONE
from modelkeep.domain.versions import READY
from modelkeep.storage import joins
from modelkeep.storage.database import Transaction
from modelkeep.storage.filters import Parameters, beginning, pinned_name
from modelkeep.storage.ordering import CompiledOrder

# Sorting so many rows, each fetched by its key, takes about as long as walking them.
FEW = 10_000
_AT_ONCE = 100  # so few that walking cannot be much quicker
_ROUNDS = (20, 500, FEW)  # bounds of counting: whoever is few is found before the many are counted far
_COUNTED = 8  # how many conditions of one filter are counted
_INDEXED_CHARACTERS = 128  # of a long text, as the indexes of the schema have them


@dataclass(frozen=True, slots=True)
class Source:
    """Rows that an index gives for a value, and which rows of the search they lead to.

    Attributes:
        tables: those of the rows, the first named `t`.
        ids: the columns that name a row of the search, in the order of _IDS.
        value: the column that is compared.
        condition: what is true for all of them, such as the condition of a partial index.
        has_key: its rows have a key too, the first column of the index.
        is_cut: the index has the first _INDEXED_CHARACTERS of the value.
        is_single: no two of its rows lead to the same row of the search.
        is_whole: may start without a value, from all its rows.
        excluded: a value that the index leaves out.
        sorted_by: the column of the search whose order its rows of one value have, as the index has them; `sorted_as` is
            its name among them. None when the search walks that very index by itself.
        sorts_ranges: its rows have the order between two values too.
    """

    tables: str
    ids: tuple[str, ...]
    value: str = "t.value"
    condition: str = "TRUE"
    has_key: bool = True
    is_cut: bool = False
    is_single: bool = True
    is_whole: bool = False
    excluded: str | None = None
    sorted_by: str | None = None
    sorted_as: str | None = None
    sorts_ranges: bool = False


_OF_VERSION = ("t.model_id", "t.number")
_VERSIONS_OF = ("u.model_id", "u.number")
_UPDATED = "v.last_updated_timestamp"
_OF_RUN = "u.run_id = t.run_id"
_LIVE = "t.deleted_timestamp IS NULL"

_IDS = {
    "models": ("m.id",),
    "versions": ("v.model_id", "v.number"),
    "experiments": ("e.id",),
    "runs": ("r.id",),
    "logged_models": ("l.id",),
}


# What a statement calls the table of each noun, and the table that each of its rows needs.
_NAMES = {"models": "m", "versions": "v", "experiments": "e", "runs": "r", "logged_models": "l"}
_NEEDED = {
    "versions": ("models", "m", "m.id = v.model_id"),
    "runs": ("experiments", "e", "e.id = r.experiment_id"),
}


def _texts(table: str, *ids: str, **more: Any) -> Source:
    return Source(f"{table} t", ids, "substr(t.value, 1, 128)", is_cut=True, **more)


def _own(table: str, ids: tuple[str, ...], value: str, condition: str = _LIVE, **more: Any) -> Source:
    return Source(f"{table} t", ids, value, condition, has_key=False, **more)


_READ = "i.dataset_id = t.id"
_DATASETS = f"datasets t CROSS JOIN {joins.each('run_datasets', 'i', _READ)}"
_VERSIONS_OF_RUN = f"CROSS JOIN {joins.each('versions', 'u', _OF_RUN)}"
_SOURCES = {
    ("models", TAG): _texts("model_tags", "t.model_id"),
    ("models", "alias"): Source("aliases t", ("t.model_id",), "t.alias", has_key=False, is_single=False, is_whole=True),
    ("models", "current_stage"): _own(
        "versions",
        ("t.model_id",),
        "t.current_stage",
        f"{_LIVE} AND t.current_stage <> '{NONE}'",
        excluded=NONE,
        is_single=False,
    ),
    ("models", "name"): _own("models", ("t.id",), "t.name", sorted_by="m.name", sorts_ranges=True),
    ("models", "last_updated_timestamp"): _own(
        "models", ("t.id",), "t.last_updated_timestamp", sorted_by="m.last_updated_timestamp", sorts_ranges=True
    ),
    ("versions", TAG): _texts("version_tags", *_OF_VERSION, sorted_by=_UPDATED, sorted_as="t.last_updated_timestamp"),
    ("versions", "alias"): Source(
        "aliases t",
        _OF_VERSION,
        "t.alias",
        has_key=False,
        is_single=False,
        is_whole=True,
        sorted_by=_UPDATED,
        sorted_as="t.last_updated_timestamp",
    ),
    ("versions", METRIC): Source(f"latest_metrics t {_VERSIONS_OF_RUN}", _VERSIONS_OF, condition=_OF_RUN),
    ("versions", PARAM): replace(
        _texts("params", *_VERSIONS_OF, condition=_OF_RUN), tables=f"params t {_VERSIONS_OF_RUN}"
    ),
    ("versions", "name"): Source(
        f"models t CROSS JOIN {joins.each('versions', 'u', 'u.model_id = t.id')}",
        _VERSIONS_OF,
        "t.name",
        f"{_LIVE} AND u.model_id = t.id",
        has_key=False,
    ),
    ("versions", "run_id"): _own("versions", _OF_VERSION, "t.run_id", "t.run_id IS NOT NULL"),
    ("versions", "current_stage"): _own(
        "versions",
        _OF_VERSION,
        "t.current_stage",
        f"{_LIVE} AND t.current_stage <> '{NONE}'",
        excluded=NONE,
        sorted_by=_UPDATED,
    ),
    ("versions", "status"): _own(
        "versions", _OF_VERSION, "t.status", f"{_LIVE} AND t.status <> '{READY}'", excluded=READY
    ),
    ("versions", "promoted_at"): _own(
        "versions",
        _OF_VERSION,
        "t.promoted_timestamp",
        f"{_LIVE} AND t.promoted_timestamp IS NOT NULL",
        is_whole=True,
    ),
    ("versions", "last_updated_timestamp"): _own(
        "versions", _OF_VERSION, "t.last_updated_timestamp", sorted_by=_UPDATED, sorts_ranges=True
    ),
    ("experiments", TAG): _texts("experiment_tags", "t.experiment_id"),
    ("experiments", "name"): _own("experiments", ("t.id",), "t.name", "TRUE"),
    ("experiments", "creation_time"): _own(
        "experiments", ("t.id",), "t.creation_time", "TRUE", sorted_by="e.creation_time", sorts_ranges=True
    ),
    ("experiments", "experiment_id"): _own("experiments", ("t.id",), "t.id", "TRUE"),
    ("runs", TAG): _texts("run_tags", "t.run_id"),
    ("runs", METRIC): Source("latest_metrics t", ("t.run_id",)),
    ("runs", PARAM): _texts("params", "t.run_id"),
    ("runs", "run_name"): _own("runs", ("t.id",), "t.name", "TRUE"),
    ("runs", "run_id"): _own("runs", ("t.id",), "t.id", "TRUE"),
    ("runs", "dataset.name"): Source(_DATASETS, ("i.run_id",), "t.name", _READ, has_key=False, is_single=False),
    ("runs", "dataset.digest"): Source(_DATASETS, ("i.run_id",), "t.digest", _READ, has_key=False, is_single=False),
    ("runs", "dataset.context"): _texts(
        "run_dataset_tags", "t.run_id", has_key=False, is_single=False, condition="t.key = 'mlflow.data.context'"
    ),
    ("logged_models", TAG): _texts("logged_model_tags", "t.logged_model_id"),
    ("logged_models", METRIC): Source("logged_model_metrics t", ("t.logged_model_id",), is_single=False),
    ("logged_models", PARAM): _texts("logged_model_params", "t.logged_model_id"),
    ("logged_models", "name"): _own("logged_models", ("t.id",), "t.name", "TRUE"),
    ("logged_models", "model_id"): _own("logged_models", ("t.id",), "t.id", "TRUE"),
    ("logged_models", "source_run_id"): _own(
        "logged_models", ("t.id",), "t.source_run_id", "t.source_run_id IS NOT NULL"
    ),
}


# What the index that a search walks by default serves by itself, when it must hold.
WALKED = {("runs", "start_time"), ("logged_models", "creation_timestamp")}

# The versions of one model and stage; None is a stage here as any other.
_OF_ONE_MODEL = _own(
    "versions",
    _OF_VERSION,
    "t.current_stage",
    f"{_LIVE} AND t.model_id = (SELECT id FROM models WHERE name = :name AND deleted_timestamp IS NULL)",
)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of a source for one comparison."""

    source: Source
    condition: str
    parameters: Parameters
    is_one_value: bool = False
    is_range: bool = False

    @property
    def rank(self) -> int:
        """The more a comparison leaves to chance, the later it is counted."""
        return 0 if self.is_one_value else 1 if self.is_range else 2

    def follows(self, order: CompiledOrder) -> bool:
        """Whether the index gives these rows in an order, as far as its first column."""
        return order.columns[0].sql == self.source.sorted_by and (
            self.is_one_value or (self.is_range and self.source.sorts_ranges)
        )


# What leads to every row that meets a part of a filter: one set of rows, or several for the parts of an OR.
Offer = tuple[_Rows, ...]


@dataclass(frozen=True, slots=True)
class Lead:
    """What a statement starts from.

    Attributes:
        tables: those between FROM and WHERE.
        condition: ties them to one another, as far as their joins don't.
        order: the order, in the lead's own columns where it has them.
    """

    tables: str
    condition: str
    parameters: Parameters
    order: CompiledOrder


@dataclass(slots=True)
class _Naming:
    parameters: Parameters = field(default_factory=dict)
    count: int = 0

    def bind(self, value: Scalar) -> str:
        name = f"l{self.count}"
        self.count += 1
        self.parameters[name] = value
        return f":{name}"

    def take(self) -> Parameters:
        taken, self.parameters = self.parameters, {}
        return taken


def has_index(noun: str, kind: str, key: str) -> bool:
    """Whether an index finds the rows of a value of a word of a noun's vocabulary."""
    place = (noun, _place(kind, key))
    return place in _SOURCES or place in WALKED


def _place(kind: str, key: str) -> str:
    return {ATTRIBUTE: key, DATASET: f"{DATASET}.{key}"}.get(kind, kind)


def offers(node: Node | None, noun: str) -> tuple[Offer, ...]:
    """What a filter offers to start from, the likeliest to be few first."""
    naming = _Naming()
    name = pinned_name(node) if noun in ("models", "versions") else None
    found = []
    for part in _conjuncts(node):
        offer: Offer | None
        if name is not None and isinstance(part, Comparison) and (part.kind, part.key) == (ATTRIBUTE, "name"):
            continue  # the search enters its own index at the name
        if (
            name is not None
            and isinstance(part, Comparison)
            and part.key == "current_stage"
            and part.kind == ATTRIBUTE
            and noun == "versions"
        ):
            offer = _of_one_model(part, name, naming)
        else:
            offer = _offer(part, noun, naming)
        if offer is not None:
            found.append(offer)
    return tuple(sorted(found, key=_rank))[:_COUNTED]


def _of_one_model(leaf: Comparison, name: str, naming: _Naming) -> Offer | None:
    compared, _ = _compare(_OF_ONE_MODEL, leaf, naming)
    parameters = {**naming.take(), "name": name}
    if compared is None:
        return None
    return (_Rows(_OF_ONE_MODEL, f"{_OF_ONE_MODEL.condition} AND {compared}", parameters),)


def _rank(offer: Offer) -> int:
    return max(rows.rank for rows in offer)


def _conjuncts(node: Node | None) -> Iterator[Node]:
    if isinstance(node, And):
        for child in node.children:
            yield from _conjuncts(child)
    elif node is not None:
        yield node


def _offer(node: Node, noun: str, naming: _Naming) -> Offer | None:
    match node:
        case Not():
            return None
        case And():
            found = [offer for child in node.children if (offer := _offer(child, noun, naming)) is not None]
            return min(found, key=_rank, default=None)
        case Or():
            parts = [_offer(child, noun, naming) for child in node.children]
            return tuple(rows for part in parts for rows in part or ()) if all(parts) else None
    rows = _rows(node, noun, naming)
    return None if rows is None else (rows,)


def _rows(leaf: Comparison, noun: str, naming: _Naming) -> _Rows | None:
    source = _SOURCES.get((noun, _place(leaf.kind, leaf.key)))
    if source is None or leaf.operator == "IS NULL":
        return None
    compared, is_range = _compare(source, leaf, naming)
    if compared is None and not (source.has_key or source.is_whole):
        return None
    condition = source.condition
    if source.has_key:
        condition += f" AND t.key = {naming.bind(leaf.key)}"
    if compared is not None:
        condition += f" AND {compared}"
    return _Rows(source, condition, naming.take(), leaf.operator == "=" and compared is not None, is_range)


def _compare(source: Source, leaf: Comparison, naming: _Naming) -> tuple[str | None, bool]:
    """What the index can tell of a comparison, or None, and whether that is a range."""
    value, column = leaf.value, source.value
    values = value if isinstance(value, tuple) else (value,)
    if leaf.operator == "LIKE":
        return _begins(column, str(value), naming), True
    if any(isinstance(each, str) and "\0" in each for each in values):
        return None, False  # no stored text has one, and substr() of SQLite ends at it
    if leaf.operator in ("=", "IN"):
        if source.excluded in values:
            return None, False
        names = ", ".join(naming.bind(_cut(each, source)) for each in values if each is not None)
        return (f"{column} IN ({names})" if leaf.operator == "IN" else f"{column} = {names}"), False
    if leaf.operator in ("<", "<=", ">", ">=") and value is not None and not isinstance(value, tuple):
        return f"{column} {leaf.operator} {naming.bind(value)}", True
    return None, False


def _cut(value: Scalar, source: Source) -> Scalar:
    return value[:_INDEXED_CHARACTERS] if source.is_cut and isinstance(value, str) else value


def _begins(column: str, pattern: str, naming: _Naming) -> str | None:
    bounds = beginning(pattern, _INDEXED_CHARACTERS)
    if bounds is None:
        return None
    first, end = bounds
    condition = f"{column} >= {naming.bind(first)}"
    return condition if end is None else f"{condition} AND {column} < {naming.bind(end)}"


def choose(
    tx: Transaction,
    noun: str,
    node: Node | None,
    offered: Sequence[Offer],
    order: CompiledOrder,
    size: int,
    scope: str,
    scope_parameters: Mapping[str, Any],
) -> Lead:
    """Where to start a search.

    Args:
        offered: from `offers`.
        size: how many rows are wanted.
        scope: a further condition of the search, with `scope_parameters`.
    """
    name = pinned_name(node) if noun == "versions" else None
    everything = _of_model(name, order) if name is not None else Lead(_tables(noun, order), "TRUE", {}, order)
    if not offered:
        return everything
    in_order = [offer for offer in offered if len(offer) == 1 and offer[0].follows(order)]
    if in_order and name is None and len(offered) == 1:
        return walking(noun, in_order[0][0], order) or everything
    best, fewest = _fewest(tx, offered)
    if best is None:
        found = walking(noun, in_order[0][0], order) if in_order and name is None else None
        return found or everything
    if best in in_order and name is None:
        return walking(noun, best[0], order) or everything
    if fewest > _AT_ONCE and _is_dense(tx, noun, name, fewest, size, scope, scope_parameters):
        return everything
    return fetching(noun, best, order)


def _fewest(tx: Transaction, offered: Sequence[Offer]) -> tuple[Offer | None, int]:
    """The offer with the fewest hits and how many they are, or None when all have more than FEW."""
    best, fewest = None, 0
    for most in _ROUNDS:
        for offer in offered:
            hits = _count(tx, offer, most + 1 if best is None else fewest)
            if hits <= most and (best is None or hits < fewest):
                best, fewest = offer, hits
        if best is not None:
            break
    return best, fewest


def _count(tx: Transaction, offer: Offer, limit: int) -> int:
    found = 0
    for rows in offer:
        row = tx.one(
            f"SELECT count(*) FROM (SELECT 1 FROM {rows.source.tables} WHERE {rows.condition} LIMIT :most) AS counted",
            {**rows.parameters, "most": limit - found},
        )
        found += row[0] if row else 0
        if found >= limit:
            break
    return found


def _is_dense(
    tx: Transaction,
    noun: str,
    name: str | None,
    hits: int,
    size: int,
    scope: str,
    scope_parameters: Mapping[str, Any],
) -> bool:
    """Whether a page is full sooner when the rows are walked in order than when all hits are fetched and sorted."""
    most = 5 * hits
    tables, condition = _EVERYTHING[noun]
    parameters: dict[str, Any] = {"most": most}
    if name is not None:
        condition += " AND v.model_id = (SELECT id FROM models WHERE name = :name AND deleted_timestamp IS NULL)"
        parameters["name"] = name
    if scope:
        condition += f" AND {scope}"
        parameters.update(scope_parameters)
    row = tx.one(
        f"SELECT count(*) FROM (SELECT 1 FROM {tables} WHERE {condition} LIMIT :most) AS counted",
        parameters,
    )
    total: int = row[0] if row else 0
    return total < most and min(total, total * size // hits) <= hits


_EVERYTHING = {
    "models": ("models m", "m.deleted_timestamp IS NULL"),
    "versions": ("versions v", "TRUE"),  # the deleted ones too: to tell them apart each row would have to be read
    "experiments": ("experiments e", "TRUE"),
    "runs": ("runs r JOIN experiments e ON e.id = r.experiment_id", "TRUE"),
    "logged_models": ("logged_models l", "l.deleted_timestamp IS NULL"),
}


def _tables(noun: str, order: CompiledOrder) -> str:
    own = f"{noun} {_NAMES[noun]}"
    if noun not in _NEEDED:
        return own
    table, name, condition = _NEEDED[noun]
    if order.columns[0].sql.startswith(f"{name}."):
        return f"{own} JOIN {table} {name} ON {condition}"
    return f"{own} {joins.following(table, name, condition)}"


def _of_model(name: str, order: CompiledOrder) -> Lead:
    """Every version of a model, which the filter names too."""
    condition = "v.model_id = (SELECT id FROM models WHERE name = :name AND deleted_timestamp IS NULL)"
    if order.columns[0].sql == _UPDATED:
        # PostgreSQL expects few versions of a model, and would sort them. Of those within bounds that it does not know it
        # expects so few that only the index on updates will do.
        condition += f" AND {_UPDATED} BETWEEN :earliest AND :latest"
    parameters: Parameters = {"name": name, "earliest": -(2**63), "latest": 2**63 - 1}
    return Lead(_tables("versions", order), f"/*sqlite*/TRUE/*postgres {condition}*/", parameters, order)


def walking(noun: str, rows: _Rows, order: CompiledOrder) -> Lead | None:
    """Walk the rows of an index in their order; None when that is the search's own index."""
    source = rows.source
    if source.sorted_as is None:
        return None
    assert source.sorted_by is not None
    renamed = order.renamed(source.sorted_by, source.sorted_as)
    tables, tied = _led_to(noun, source.ids)
    return Lead(f"{source.tables} {tables}", f"{rows.condition} AND {tied}", rows.parameters, renamed)


def _led_to(noun: str, ids: Sequence[str]) -> tuple[str, str]:
    """What follows the tables of a lead, and the conditions that tie it to them."""
    same = " AND ".join(f"{own} = {id}" for own, id in zip(_IDS[noun], ids, strict=True))
    following = [(noun, _NAMES[noun], same), *([_NEEDED[noun]] if noun in _NEEDED else [])]
    tables = " ".join(f"CROSS JOIN {joins.each(*one)}" for one in following)
    return tables, " AND ".join(condition for _, _, condition in following)


def fetching(noun: str, offer: Offer, order: CompiledOrder) -> Lead:
    """Fetch all rows of an offer, each once, to sort them."""
    names = [f"id{index}" for index in range(len(_IDS[noun]))]
    parameters: Parameters = {}
    parts = []
    for rows in offer:
        columns = ", ".join(f"{id} AS {name}" for id, name in zip(rows.source.ids, names, strict=True))
        parts.append(f"SELECT {columns} FROM {rows.source.tables} WHERE {rows.condition}")
        parameters.update(rows.parameters)
    if len(parts) > 1:
        # A UNION would have each of them sorted, and SQLite rather walks a table in that order than use the index.
        every = " UNION ALL ".join(parts)
        found = f"SELECT DISTINCT {', '.join(names)} FROM ({every}) AS every"
    else:
        found = parts[0] if offer[0].source.is_single else parts[0].replace("SELECT", "SELECT DISTINCT", 1)
    tables, tied = _led_to(noun, [f"found.{name}" for name in names])
    return Lead(f"({found}) AS found {tables}", tied, parameters, order)
