"""Orders as SQL: the ORDER BY of a search, and the condition that continues it after a given row.

A row's sort key is a list of columns that together differ for every two rows; a page ends with the key of its last
row, and the next begins after it. Missing values come last and NaN just before them, whichever the direction, as in
MLflow. Text sorts by its bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from modelkeep.domain.errors import Invalid
from modelkeep.domain.filters import Node
from modelkeep.domain.searching import ATTRIBUTE, TEXT, VOCABULARIES, Order
from modelkeep.storage.filters import Linked, Parameters, locate, pinned_name

# A tag may hold 100,000 characters, but a page token must fit into a URL: longer texts sort by their beginning.
SORTED_CHARACTERS = 256
# Those that a search may be walked by.
_TIMES = {"last_updated_timestamp", "creation_time", "creation_timestamp", "start_time"}

Key = str | int | float | None


@dataclass(frozen=True, slots=True)
class SortColumn:
    """One column of a sort key. `selected` is how the SELECT names it, `sql` how a condition must.

    Of a time few rows have the same.
    """

    sql: str
    selected: str
    sorted_as: str
    ascending: bool
    nullable: bool
    is_text: bool
    is_time: bool = False


@dataclass(frozen=True, slots=True)
class CompiledOrder:
    """ORDER BY terms, the expressions to select at the end of each row, and the parameters both need."""

    columns: tuple[SortColumn, ...]
    parameters: Parameters = field(default_factory=dict)

    @property
    def order_by_sql(self) -> str:
        """The terms after ORDER BY."""
        return ", ".join(_term(column, column.sorted_as) for column in self.columns)

    @property
    def key_columns_sql(self) -> list[str]:
        """What to select at the end of each row: its sort key."""
        return [column.selected for column in self.columns]

    def page(self, columns: str, width: int, rows: str) -> str:
        """A statement for the first `:limit` rows.

        Args:
            columns: what is selected before the sort key, `width` columns.
            rows: the statement from FROM to before ORDER BY.
        """
        selected = f"SELECT {', '.join([columns, *self.key_columns_sql])} {rows}"
        every = f"{selected} ORDER BY {self.order_by_sql} LIMIT :limit"
        if self._has_one_direction or not self.columns[0].is_time:
            return every
        # An index has the rows by their time alone. PostgreSQL may prefer to sort them all when it expects few.
        places = ", ".join(_term(column, str(width + 1 + index)) for index, column in enumerate(self.columns))
        return (
            f"/*postgres SELECT * FROM (*/{selected} ORDER BY /*sqlite*/{self.order_by_sql} LIMIT :limit"
            f"/*postgres {_term(self.columns[0], self.columns[0].sorted_as)} FETCH FIRST (:limit) ROWS WITH TIES) AS page "
            f"ORDER BY {places} LIMIT :limit*/"
        )

    @property
    def _has_one_direction(self) -> bool:
        return not any(column.nullable for column in self.columns) and len({c.ascending for c in self.columns}) == 1

    def renamed(self, before: str, after: str) -> CompiledOrder:
        """The same order, where one column is known by another name."""
        columns = tuple(
            replace(column, sql=after, selected=after, sorted_as=after) if column.sql == before else column
            for column in self.columns
        )
        return replace(self, columns=columns)

    def after(self, key: Sequence[Key]) -> tuple[str, Parameters]:
        """A condition that is true for the rows that come after the one with this key, and its parameters `k0`, ….

        Raises:
            Invalid: the key is not of this order.
        """
        if len(key) != len(self.columns) or not all(map(_fits, self.columns, key)):
            raise Invalid("Parameter 'page_token' does not fit this search. Leave it out to start again.")
        parameters: Parameters = {f"k{index}": value for index, value in enumerate(key) if value is not None}
        if self._has_one_direction:
            return _after_together(self.columns), parameters
        return _after(self.columns, key), parameters


def _term(column: SortColumn, name: str) -> str:
    direction = "ASC" if column.ascending else "DESC"
    return f"{name} {direction}{' NULLS LAST' if column.nullable else ''}"


def _fits(column: SortColumn, value: Key) -> bool:
    return column.nullable if value is None else isinstance(value, str) == column.is_text


def _after_together(columns: Sequence[SortColumn]) -> str:
    # A comparison of rows, which an index on the same columns answers by going to the place.
    left = ", ".join(column.sql for column in columns)
    right = ", ".join(f":k{index}" for index in range(len(columns)))
    sign = ">" if columns[0].ascending else "<"
    return f"{left} {sign} {right}" if len(columns) == 1 else f"({left}) {sign} ({right})"


def _after(columns: Sequence[SortColumn], key: Sequence[Key]) -> str:
    condition = ""
    for index in reversed(range(len(columns))):
        column, value = columns[index], key[index]
        beyond = _beyond(column, value, index)
        same = f"{column.sql} IS NULL" if value is None else f"{column.sql} = :k{index}"
        condition = f"({beyond} OR ({same} AND {condition}))" if condition else beyond
    first = columns[0]
    if not first.nullable:
        # Repeats what the rest implies, so that an index on the first column is entered at the right place.
        condition = f"({first.sql} {'>=' if first.ascending else '<='} :k0 AND {condition})"
    return condition


def _beyond(column: SortColumn, value: Key, index: int) -> str:
    if value is None:
        return "FALSE"
    condition = f"{column.sql} {'>' if column.ascending else '<'} :k{index}"
    return f"({condition} OR {column.sql} IS NULL)" if column.nullable else condition


def compile_order(orders: Sequence[Order], noun: str, node: Node | None = None) -> CompiledOrder:
    """The SQL of an order that is total.

    Args:
        orders: from `modelkeep.domain.ordering`.
        node: the filter of the search. When it admits one name only, the name is left out of the order, and the index
            on a model's versions by update gives the rows as they are wanted.
    """
    columns: list[SortColumn] = []
    parameters: Parameters = {}
    skip_name = len(orders) > 1 and pinned_name(node) is not None
    for order in orders:
        if not (skip_name and (order.kind, order.key) == (ATTRIBUTE, "name")):
            columns += _columns(order, noun, parameters, len(columns))
    return CompiledOrder(tuple(columns), parameters)


def _columns(order: Order, noun: str, parameters: Parameters, index: int) -> list[SortColumn]:
    place = locate(noun, order.kind, order.key)
    vocabulary = VOCABULARIES[noun]
    term = vocabulary.attributes[order.key] if order.kind == ATTRIBUTE else vocabulary.kinds[order.kind]
    is_text = term.type == TEXT
    if not isinstance(place, Linked):
        is_time = order.key in _TIMES
        return [SortColumn(place.sql, place.sql, place.sql, order.ascending, place.nullable, is_text, is_time)]
    source = _source(place, order, parameters)
    value = f"substr({place.value}, 1, {SORTED_CHARACTERS})" if is_text else place.value
    found = _computed(f"(SELECT {value} {source})", index, order.ascending, nullable=True, is_text=is_text)
    if not place.has_nan:
        return [found]
    rank = _computed(f"coalesce((SELECT t.is_nan {source}), 2)", index, ascending=True)
    return [rank, _computed(found.sql, index + 1, order.ascending, nullable=True)]


def _source(place: Linked, order: Order, parameters: Parameters) -> str:
    name = f"o{len(parameters)}"
    parameters[name] = order.key
    source = f"FROM {place.tables} WHERE {place.condition} AND t.key = :{name}"
    for column, wanted in zip(("t.dataset_name", "t.dataset_digest"), order.dataset, strict=True):
        if wanted is not None:
            name = f"o{len(parameters)}"
            parameters[name] = wanted
            source += f" AND {column} = :{name}"
    return f"{source} ORDER BY {place.latest} LIMIT 1" if place.latest else source


def _computed(sql: str, index: int, ascending: bool, nullable: bool = False, is_text: bool = False) -> SortColumn:
    # Sorted by the name it is selected under, so that it is computed once for each row.
    name = f"sort{index}"
    return SortColumn(sql, f"{sql} AS {name}", name, ascending, nullable, is_text)
