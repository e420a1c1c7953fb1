"""Searching: what every list verb shares: filter, order, page size, and the token of the next page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from modelkeep.domain import filters, ordering, pages
from modelkeep.domain.filters import Node
from modelkeep.domain.paging import Page
from modelkeep.domain.searching import VOCABULARIES, Order, page_size
from modelkeep.storage import leads
from modelkeep.storage.database import Transaction
from modelkeep.storage.filters import compile_filter
from modelkeep.storage.ordering import CompiledOrder, compile_order

T = TypeVar("T")

# tx, tables, condition, order, parameters (with `limit`) -> rows, each with its sort key
Rows = Callable[[Transaction, str, str, CompiledOrder, dict[str, Any]], list[tuple[T, list[Any]]]]


@dataclass(frozen=True, slots=True)
class Search:
    """A search ready to be run: the parsed filter and orders with their SQL, and where it may start."""

    node: Node | None
    orders: tuple[Order, ...]
    condition: str
    parameters: Mapping[str, Any]
    order: CompiledOrder
    offers: tuple[leads.Offer, ...]


def page(
    tx: Transaction,
    noun: str,
    rows: Rows[T],
    filter: str | None,
    max_results: int | None,
    order_by: Sequence[Any] | None,
    page_token: str | None,
    *,
    scope: str = "",
    scope_parameters: Mapping[str, Any] | None = None,
    datasets: Sequence[tuple[str, str | None]] = (),
) -> Page[T]:
    """One page of a search.

    Args:
        noun: a key of VOCABULARIES.
        rows: the storage function that runs it.
        scope: a further SQL condition, with `scope_parameters`, such as the experiments to search in.
        datasets: (name, digest or None) of data sets, for logged models: see `compile_filter`.
    Raises:
        Invalid: the filter, an order, the page size or the token is wrong.
    """
    size = page_size(max_results, VOCABULARIES[noun])
    found = _prepare(noun, filter, order_by, datasets)
    order = found.order
    condition = f"({found.condition})"
    parameters: dict[str, Any] = {**found.parameters, **order.parameters, "limit": size + 1}
    if scope:
        condition += f" AND ({scope})"
        parameters.update(scope_parameters or {})
    lead = leads.choose(tx, noun, found.node, found.offers, order, size, scope, scope_parameters or {})
    condition = f"{lead.condition} AND {condition}"
    parameters.update(lead.parameters)
    order = lead.order
    binding = pages.bind(noun, found.node, found.orders, scope, sorted((scope_parameters or {}).items()), datasets)
    if page_token:
        after, key_parameters = order.after(pages.decode(page_token, binding))
        condition += f" AND ({after})"
        parameters.update(key_parameters)
    keyed = rows(tx, lead.tables, condition, order, parameters)
    token = pages.encode(keyed[size - 1][1], binding) if len(keyed) > size else None
    return Page([item for item, _ in keyed[:size]], token)


def _prepare(
    noun: str, filter: str | None, order_by: Sequence[Any] | None, datasets: Sequence[tuple[str, str | None]]
) -> Search:
    items = tuple(order_by or ())
    if noun == "logged_models" or not isinstance(filter, str | None) or not all(isinstance(i, str) for i in items):
        return _parse(noun, filter, order_by, datasets)
    return _remembered(noun, filter, items)


@lru_cache(maxsize=256)
def _remembered(noun: str, filter: str | None, order_by: tuple[str, ...]) -> Search:
    return _parse(noun, filter, order_by, ())


def _parse(
    noun: str, filter: Any, order_by: Sequence[Any] | None, datasets: Sequence[tuple[str, str | None]]
) -> Search:
    vocabulary = VOCABULARIES[noun]
    node = filters.parse(filter, vocabulary)
    if noun in ("models", "versions"):
        node = filters.hide_prompts(node)
    if noun == "logged_models":
        orders = ordering.parse_logged_model_order(order_by)
    else:
        orders = ordering.parse_order(order_by, vocabulary)
    condition, parameters = compile_filter(node, noun, datasets)
    order = compile_order(orders, noun, node)
    return Search(node, orders, condition or "1 = 1", parameters, order, leads.offers(node, noun))
