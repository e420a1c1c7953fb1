"""The words of a filter or an order: names, texts, numbers, operators, keywords."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from modelkeep.domain import texts
from modelkeep.domain.errors import Invalid

LIMIT = 16_384

NAME = "name"
TEXT = "text"
NUMBER = "number"
OPERATOR = "operator"
KEYWORD = "keyword"
SIGN = "sign"
END = "end"

_KEYWORDS = {"AND", "OR", "NOT", "IN", "IS", "NULL", "LIKE", "ILIKE"}
_SAME_OPERATOR = {"==": "=", "<>": "!="}

# A quote inside a quoted text is written twice. An unquoted key may hold every character that MLflow allows in keys
# except the space.
_TOKEN = re.compile(
    r"""
    (?P<space> \s+ )
  | (?P<name>
        (?P<first> [^\W\d]\w* | `[^`]+` )
        (?: \. (?P<rest> [\w.\-/:$#@]+ | `[^`]*(?:``[^`]*)*` | "[^"]*(?:""[^"]*)*" | '[^']*(?:''[^']*)*' ) )?
    )
  | (?P<text> '[^']*(?:''[^']*)*' | "[^"]*(?:""[^"]*)*" )
  | (?P<number> [+-]? (?: [0-9]+ (?:\.[0-9]*)? | \.[0-9]+ ) (?:[eE][+-]?[0-9]+)? (?![\w.]) )
  | (?P<operator> != | <> | <= | >= | == | = | < | > )
  | (?P<sign> [(),] )
    """,
    re.VERBOSE,
)
_QUOTES = "'\"`"


@dataclass(frozen=True, slots=True)
class Token:
    """A word as it stands in the text, its position counted from 0, and what it means.

    `value` is the upper-case keyword, the operator, the unquoted text, or the key of a name, whose `prefix` is what
    stands before the first dot.
    """

    kind: str
    text: str
    position: int
    value: str
    prefix: str | None = None


def split(text: str, field: str) -> list[Token]:
    """Cut a text into tokens; the last is always END.

    Args:
        field: the name of the parameter, for messages.
    Raises:
        Invalid: the text is too long, cannot be stored, or has a character that belongs to no token.
    """
    texts.check(text, field, LIMIT)
    if len(text.encode()) > LIMIT:
        raise Invalid(f"Parameter '{field}' has {len(text.encode()):,} bytes; at most {LIMIT:,} are allowed.")
    tokens = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            _refuse(text, position, field)
        if match.lastgroup != "space":
            tokens.append(_token(match))
        position = match.end()
    tokens.append(Token(END, "", len(text), ""))
    return tokens


def _token(match: re.Match[str]) -> Token:
    text, position = match.group(), match.start()
    if match["name"] is not None:
        first, rest = match["first"], match["rest"]
        if rest is not None:
            return Token(NAME, text, position, unquote(rest), unquote(first))
        if first.upper() in _KEYWORDS:
            return Token(KEYWORD, text, position, first.upper())
        return Token(NAME, text, position, unquote(first))
    if match["text"] is not None:
        return Token(TEXT, text, position, unquote(text))
    if match["number"] is not None:
        return Token(NUMBER, text, position, text)
    if match["operator"] is not None:
        return Token(OPERATOR, text, position, _SAME_OPERATOR.get(text, text))
    return Token(SIGN, text, position, text)


def unquote(text: str) -> str:
    """The text between quotes, each doubled quote inside taken once; a text without quotes as it is."""
    quote = text[0]
    if quote not in _QUOTES:
        return text
    return text[1:-1].replace(quote * 2, quote)


def _refuse(text: str, position: int, field: str) -> NoReturn:
    found = text[position]
    if found in _QUOTES:
        why = f"the quote {found} is never closed. To put a quote inside a text, write it twice"
    elif found.isalnum() or found in "+-.":
        why = f"{shown(text[position : position + 60])} is neither a name nor a number"
    else:
        why = f"the character {found!r} has no meaning here. Put texts between '…' and odd keys between `…`"
    raise Invalid(f"Parameter '{field}' is wrong at character {position + 1}: {why}.")


def shown(text: str) -> str:
    """A piece of the caller's text for a message, cut short."""
    return repr(text) if len(text) <= 60 else f"{text[:57]!r}…"
