"""The order of a search: from `order_by` to keys that make it total."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from modelkeep.domain import filter_tokens, texts
from modelkeep.domain.errors import Invalid
from modelkeep.domain.filter_tokens import END, NAME, shown
from modelkeep.domain.searching import ATTRIBUTE, LOGGED_MODELS, METRIC, Order, Vocabulary

KEYS = 20


def parse_order(items: Sequence[str] | None, vocabulary: Vocabulary) -> tuple[Order, ...]:
    """Read `order_by` items such as `name`, `start_time DESC` or ``metrics.`f1 score` ASC``.

    Returns:
        Keys that leave no two rows equal: what is asked for (else the noun's default), then its tie-breaks.
    Raises:
        Invalid: an item cannot be read, names nothing that can be sorted by, or names the same twice.
    """
    return _total([_parse_item(item, vocabulary) for item in _bounded(items)], vocabulary)


def _bounded(items: Sequence[object] | None) -> Sequence[object]:
    if items is None:
        return ()
    if isinstance(items, (str, bytes)) or not isinstance(items, Sequence):
        raise Invalid(f"Parameter 'order_by' must be a list, got {shown(str(items))}.")
    if len(items) > KEYS:
        raise Invalid(f"Parameter 'order_by' has {len(items):,} items; at most {KEYS} are allowed.")
    return items


def _parse_item(item: object, vocabulary: Vocabulary) -> Order:
    if not isinstance(item, str):
        raise Invalid(f"Parameter 'order_by' must hold texts, got {shown(str(item))}.")
    name, *direction = filter_tokens.split(item, "order_by")
    words = [word.value.upper() for word in direction if word.kind != END]
    is_name = name.kind == NAME or name.text.startswith('"')
    if not is_name or len(words) > 1 or (words and words[0] not in ("ASC", "DESC")):
        raise Invalid(
            f"Invalid order_by item {shown(item)}: write a name and a direction, as in 'last_updated_timestamp DESC'."
        )
    return _order(name.prefix, name.value, words != ["DESC"], vocabulary)


def _order(prefix: str | None, key: str, ascending: bool, vocabulary: Vocabulary) -> Order:
    try:
        kind, key, term = vocabulary.find(prefix, key)
    except LookupError as error:
        raise Invalid(f"Invalid order_by: {error}.") from None
    if not term.sortable:
        raise Invalid(f"Invalid order_by: {vocabulary.title} cannot be sorted by {kind} {shown(key)}.")
    return Order(kind, key, ascending)


def parse_logged_model_order(items: Sequence[Mapping[str, object]] | None) -> tuple[Order, ...]:
    """Read the `order_by` objects of logged models: field_name, ascending, dataset_name, dataset_digest.

    Returns:
        Total keys, as `parse_order` does.
    Raises:
        Invalid: an object is wrong, or two name the same.
    """
    return _total([_parse_object(item) for item in _bounded(items)], LOGGED_MODELS)


def _parse_object(item: object) -> Order:
    if not isinstance(item, Mapping):
        raise Invalid(f"Parameter 'order_by' must hold objects with a field_name, got {shown(str(item))}.")
    name = texts.required(item.get("field_name"), "order_by.field_name", filter_tokens.LIMIT).strip()
    ascending = item.get("ascending")
    if ascending is not None and not isinstance(ascending, bool):
        raise Invalid(f"Parameter 'order_by.ascending' must be true or false, got {shown(str(ascending))}.")
    dataset = texts.check_optional(item.get("dataset_name"), "order_by.dataset_name", 500) or None
    digest = texts.check_optional(item.get("dataset_digest"), "order_by.dataset_digest", 500) or None
    if digest and not dataset:
        raise Invalid("Parameter 'order_by.dataset_digest' needs 'order_by.dataset_name' beside it.")
    # The key is taken as it stands: MLflow reads no quotes here, and no key holds any.
    prefix, dot, key = name.partition(".")
    order = _order(prefix, key.strip('`"'), ascending is not False, LOGGED_MODELS) if dot else None
    order = order or _order(None, name, ascending is not False, LOGGED_MODELS)
    if order.kind == METRIC:
        return Order(order.kind, order.key, order.ascending, (dataset, digest))
    return order


def _total(asked: list[Order], vocabulary: Vocabulary) -> tuple[Order, ...]:
    seen = {_named(order) for order in asked}
    if len(seen) < len(asked):
        raise Invalid("Parameter 'order_by' names the same field twice. Leave one of them out.")
    keys = [*(asked or vocabulary.default_order)]
    keys += [order for order in vocabulary.tie_break if _named(order) not in {_named(key) for key in keys}]
    return tuple(_until_unique(keys, vocabulary))


def _named(order: Order) -> tuple[object, ...]:
    return order.kind, order.key, order.dataset


def _until_unique(keys: list[Order], vocabulary: Vocabulary) -> Iterable[Order]:
    missing = set(vocabulary.identity)
    for key in keys:
        yield key
        if key.kind == ATTRIBUTE:
            missing.discard(key.key)
        if not missing:
            return
