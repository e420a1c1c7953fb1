"""From bytes to request shapes, with the tolerance of protobuf's JSON that MLflow's clients rely on.

Accepted: integers as text, snake_case and lowerCamelCase names, null for "not given", unknown fields, a JSON text that
holds JSON, NaN literals. Refused with 400: everything else, where MLflow would guess or answer 500.
"""

from __future__ import annotations

import json
import re
from typing import Any, get_args, get_type_hints
from urllib.parse import unquote_plus

import msgspec

from modelkeep.api.arguments import complete, convert
from modelkeep.api.call import Call, Request
from modelkeep.domain.errors import Invalid

BODY_LIMIT = 16 * 1024 * 1024
FIELDS_LIMIT = 10_000


class Decoder:
    """Decodes the requests of one call."""

    def __init__(self, call: Call):
        self._type = call.request
        self._required = call.required
        self._fields = call.request.__struct_fields__
        self._on_the_wire = dict(
            zip(call.request.__struct_fields__, call.request.__struct_encode_fields__, strict=True)
        )
        hints = get_type_hints(call.request)
        self._lists = frozenset(self._on_the_wire[name] for name in self._fields if _is_of(list, hints[name]))
        # What is in an object of the caller's own keys is nobody's to spell otherwise.
        self._free = frozenset(name for name in self._fields if _is_of(dict, hints[name]))
        self._known = frozenset(self._on_the_wire.values())
        # A query of texts needs no conversion: most point reads have nothing else.
        self._is_text = all(hints[n] == (str | None) and self._on_the_wire[n] == n for n in self._fields)
        self._nothing: dict[str, Any] = dict.fromkeys(self._fields)
        self._json = msgspec.json.Decoder(call.request, strict=False)
        self._camel = tuple(f'"{name}"'.encode() for name in sorted(_camel_names(call.request)))

    def body(self, data: bytes, path_fields: dict[str, str] | None = None) -> dict[str, Any]:
        """The verb's arguments from a JSON body; `path_fields` stand in the path and win.

        Raises:
            Invalid: it is not a JSON object, or a field has the wrong type, or a required one is missing.
        """
        if path_fields:
            return self.fields(_snake(_parse(data) if data.strip() else {}, self._free) | path_fields)
        for name in self._camel:
            if name in data:
                return self._arguments(self._slowly(data))
        try:
            return self._arguments(self._json.decode(data))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # Say why, or accept what only the slow way accepts.
            return self._arguments(self._slowly(data) if data.strip() else self._type())

    def fields(self, given: dict[str, Any]) -> dict[str, Any]:
        """The verb's arguments from values by name, such as those of a query."""
        return self._arguments(convert(given, self._type))

    def query(self, query: str, path_fields: dict[str, str] | None = None) -> dict[str, Any]:
        """The verb's arguments from a query string; fields that are lists are repeated."""
        if path_fields:
            return self.fields(self.query_fields(query) | path_fields)
        if not self._is_text:
            return self.fields(self.query_fields(query))
        return self._complete(self._nothing | self.query_fields(query))

    def query_fields(self, query: str) -> dict[str, Any]:
        """The known fields of a query string, by name."""
        # A third of the cost of a point read went into urllib's parse_qsl, which unquotes what has nothing quoted.
        given: dict[str, Any] = {}
        parts = query.split("&") if query else ()
        if len(parts) > FIELDS_LIMIT:
            raise Invalid(f"The query string has more than {FIELDS_LIMIT:,} fields.")
        is_quoted = "%" in query or "+" in query
        for part in parts:
            name, _, value = part.partition("=")
            if is_quoted:
                name, value = _unquoted(name), _unquoted(value)
            if name in self._lists:
                given.setdefault(name, []).append(value)
            elif name in self._known:
                given[name] = value
        return given

    def _slowly(self, data: bytes) -> Request:
        given = _parse(data)
        return convert(_snake(given, self._free), self._type)

    def _arguments(self, request: Request) -> dict[str, Any]:
        return self._complete(msgspec.structs.asdict(request))

    def _complete(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The same arguments, when nothing that is required is missing."""
        return complete(arguments, self._required, self._on_the_wire)


def _unquoted(text: str) -> str:
    try:
        return unquote_plus(text, errors="strict")
    except UnicodeDecodeError:
        raise Invalid("The query string is not valid: use percent-encoded UTF-8.") from None


def _is_of(kind: type, hint: Any) -> bool:
    return any(getattr(part, "__origin__", None) is kind for part in (hint, *get_args(hint)))


def _camel_names(shape: Any, seen: set[Any] | None = None) -> set[str]:
    """The lowerCamelCase spellings of a shape's fields and of the shapes inside it."""
    seen = set() if seen is None else seen
    found: set[str] = set()
    if shape in seen:
        return found
    seen.add(shape)
    hints = get_type_hints(shape) if isinstance(shape, type) and hasattr(shape, "__annotations__") else {}
    for name, hint in hints.items():
        if "_" in name:
            found.add(_camel(name))
        found |= _camel_names(hint, seen)
    for part in get_args(shape):
        try:
            found |= _camel_names(part, seen)
        except TypeError:
            continue
    return found


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def _parse(data: bytes) -> dict[str, Any]:
    try:
        given = json.loads(data)
        if isinstance(given, str):
            given = json.loads(given)
    except RecursionError:
        raise Invalid("The request's body is nested too deeply.") from None
    except ValueError as error:
        raise Invalid(f"The request's body is not valid JSON: {_reason(error)}.") from None
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise Invalid(f"The request's body must be a JSON object, got a {_json_type(given)}.")
    return given


def _reason(error: ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start} is not UTF-8"
    return str(error)[:200]


def _json_type(value: Any) -> str:
    names = {list: "list", str: "string", bool: "boolean", int: "number", float: "number"}
    return names.get(type(value), type(value).__name__)


def _snake(value: Any, free: frozenset[str] = frozenset(), depth: int = 0) -> Any:
    """The same value with lowerCamelCase names turned into snake_case, but for what is in the fields in `free`."""
    if depth > 100:
        raise Invalid("The request's body is nested too deeply.")
    if isinstance(value, dict):
        renamed: dict[str, Any] = {}
        for name, item in value.items():
            snake = re.sub(r"[A-Z]", lambda match: "_" + match[0].lower(), name) if name[:1].islower() else name
            if snake in renamed:
                raise Invalid(f"The field '{snake}' is given twice, in two spellings. Give it once.")
            renamed[snake] = item if snake in free else _snake(item, depth=depth + 1)
        return renamed
    if isinstance(value, list):
        return [_snake(item, depth=depth + 1) for item in value]
    return value
