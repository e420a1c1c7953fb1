"""A verb's arguments from the values of a request, whichever way they came: over the wire, or in process."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from modelkeep.api.call import Request
from modelkeep.domain.errors import Invalid
from modelkeep.domain.texts import required


def complete(arguments: dict[str, Any], needed: Sequence[str], on_the_wire: Mapping[str, str]) -> dict[str, Any]:
    """The same arguments, when nothing that is needed is missing.

    Args:
        on_the_wire: what callers call each argument.
    Raises:
        Invalid: one is None or the empty text.
    """
    for name in needed:
        value = arguments[name]
        if value is None or value == "":
            required(None, on_the_wire[name])
    return arguments


_PATH = re.compile(r" - at `\$\.?(?P<path>[^`]*)`")


def convert(given: dict[str, Any], shape: type[Request]) -> Request:
    """A request shape from values by name, with the types that protobuf's JSON accepts for them.

    Raises:
        Invalid: a value has another type.
    """
    try:
        return msgspec.convert(given, shape, strict=False)
    except msgspec.ValidationError as error:
        text = str(error)
        match = _PATH.search(text)
        path = match["path"] if match else ""
        value = _at(given, path)
        reason = _PATH.sub("", text).replace("`", "").replace(" | null", "")
        raise Invalid(
            f"Invalid value {_short(value)} for parameter '{path or 'request'}' supplied: {reason}."
        ) from None
    except RecursionError:
        raise Invalid("The request is nested too deeply.") from None


def _at(given: Any, path: str) -> Any:
    for part in re.findall(r"[^.\[\]]+", path):
        try:
            given = given[int(part)] if isinstance(given, list) else given[part]
        except (KeyError, IndexError, ValueError, TypeError):
            return given
    return given


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else text[:117] + "..."
