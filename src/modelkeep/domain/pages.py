"""Page tokens: where the next page of a search begins.

A token is opaque, url-safe text. It holds the sort key of the last row and a hash that ties it to the search it was
made for: the same words with another filter, order or scope would silently skip rows.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any, NoReturn, TypeVar

from modelkeep.domain import texts
from modelkeep.domain.errors import Invalid
from modelkeep.domain.filter_tokens import shown

Key = str | int | float | None
Place = TypeVar("Place", str, int)

LIMIT = 65_536
_ALPHABET = re.compile(r"[A-Za-z0-9_-]+")


def bind(noun: str, *parts: object) -> str:
    """A short hash of a search: its noun, parsed filter, orders and whatever else decides which rows it finds.

    Parts are compared by their `repr`, so parsed filters that are equal share tokens however they were written.
    """
    return _digest(repr((noun, *parts)))


def encode(key: Sequence[Key], binding: str) -> str:
    """The token for the rows after `key`, in the search that `bind` hashed."""
    kept = list(key)
    content = json.dumps([_seal(kept, binding), binding, *kept], separators=(",", ":"), ensure_ascii=False)
    return urlsafe_b64encode(content.encode()).rstrip(b"=").decode()


def decode(token: str, binding: str) -> list[Key]:
    """The sort key in a token.

    Raises:
        Invalid: it is not a token of ours, was altered, or belongs to another search.
    """
    try:
        seal, bound, *key = _content(token)
    except (ValueError, TypeError, RecursionError):
        _refuse(token)
    if not all(_is_scalar(value) for value in (seal, bound, *key)) or seal != _seal(key, bound):
        _refuse(token)
    if bound != binding:
        raise Invalid(
            "Parameter 'page_token' belongs to another search: the filter, the order or another part of the request "
            "has changed since. Repeat the request unchanged, or leave page_token out to start again."
        )
    return key


def place(token: str | None, binding: str, start: Place) -> Place:
    """The one key in the token of a listing; `start`, whose type it has, without a token.

    Raises:
        Invalid: it is not a token of this listing.
    """
    key = decode(token, binding) if token else [start]
    if len(key) != 1 or type(key[0]) is not type(start):
        raise Invalid("Parameter 'page_token' does not fit this listing. Leave it out to start again.")
    return key[0]


def _content(token: object) -> list[Any]:
    if not isinstance(token, str) or len(token) > LIMIT or not _ALPHABET.fullmatch(token):
        raise ValueError
    raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    if urlsafe_b64encode(raw).rstrip(b"=").decode() != token:
        raise ValueError
    content = json.loads(raw.decode(), parse_constant=_no_constant)
    if not isinstance(content, list):
        raise TypeError
    return content


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _is_scalar(value: object) -> bool:
    # A token is not signed, so whatever reaches the database from it must be something the database can compare.
    if value is None:
        return True
    if type(value) is int:
        return -(2**63) <= value <= texts.INT64_MAX
    if type(value) is float:
        return math.isfinite(value)
    if type(value) is not str:
        return False
    return "\0" not in value and not re.search("[\ud800-\udfff]", value)


def _seal(key: list[Key], binding: object) -> str:
    return _digest(json.dumps([binding, *key]))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _refuse(token: object) -> NoReturn:
    raise Invalid(
        f"Parameter 'page_token' is not a token of this server: {shown(str(token))}. "
        "Pass the next_page_token of the page before, unchanged, or leave it out to start again."
    )
