"""The API reference, made from the table of calls."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from msgspec import inspect

from modelkeep.api.call import Call
from modelkeep.api.errors import STATUS, ErrorShape
from modelkeep.api.table import CALLS
from modelkeep.domain.errors import ModelkeepError
from modelkeep.ui import rendering
from modelkeep.ui.visits import Answer, Visit

_WORDS = {
    inspect.AnyType: "anything",
    inspect.BoolType: "boolean",
    inspect.DictType: "object",
    inspect.FloatType: "number",
    inspect.IntType: "integer",
    inspect.StrType: "text",
}


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a request or a reply. `shape` is the shape that it holds, for a link to it."""

    name: str
    words: str
    shape: str | None
    required: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A call as it is read about."""

    call: Call
    anchor: str
    path: str
    fields: list[Field]
    reply: str | None


@dataclass(slots=True)
class Shapes:
    """The objects on the wire that were met so far: their summaries and fields, by name."""

    found: dict[str, tuple[str, list[Field]]] = field(default_factory=dict)
    _names: dict[type, str] = field(default_factory=dict)

    def add(self, kind: inspect.StructType | inspect.DataclassType) -> str:
        """The name under which a shape is described."""
        name = self._names.get(kind.cls)
        if name is None:
            name = kind.cls.__name__
            if name in self.found:
                name = f"{kind.cls.__module__.rpartition('.')[2]}.{name}"
            self._names[kind.cls] = name
            self.found[name] = (_summary(kind.cls), [])
            self.found[name][1].extend(self.field(one, False) for one in kind.fields)
        return name

    def field(self, one: inspect.Field, required: bool) -> Field:
        words, shape = self._describe(one.type)
        return Field(one.encode_name, words, shape, required)

    def _describe(self, kind: inspect.Type) -> tuple[str, str | None]:
        """A type in JSON's words, and the shape in it."""
        if isinstance(kind, inspect.Metadata):
            return self._describe(kind.type)
        if isinstance(kind, (inspect.StructType, inspect.DataclassType)):
            name = self.add(kind)
            return name, name
        if isinstance(kind, inspect.CollectionType):
            words, shape = self._describe(kind.item_type)
            return f"list of {words}", shape
        if isinstance(kind, inspect.UnionType):
            described = [self._describe(one) for one in kind.types if not isinstance(one, inspect.NoneType)]
            shape = next((shape for _, shape in described if shape), None)
            return " or ".join(words for words, _ in described), shape
        return _WORDS.get(type(kind), "text"), None


def show(visit: Visit) -> Answer:
    """Every call with its fields, and every shape that a field may hold."""
    shapes = Shapes()
    groups: dict[str, list[Entry]] = {}
    for call in CALLS:
        groups.setdefault(call.resource, []).append(_entry(call, shapes))
    shapes.add(_info(ErrorShape))
    return rendering.page(
        "reference.html", visit, groups=groups, shapes=sorted(shapes.found.items()), statuses=_statuses()
    )


def _entry(call: Call, shapes: Shapes) -> Entry:
    path = f"/api/{call.version}/{call.path}"
    fields = [shapes.field(one, one.encode_name in call.required) for one in _info(call.request).fields]
    reply = None if call.shape is None else shapes.add(_info(call.shape))
    return Entry(call, re.sub(r"\W+", "-", f"{call.method} {call.path}").strip("-").lower(), path, fields, reply)


def _info(shape: type) -> Any:
    return inspect.type_info(shape)


def _summary(shape: type) -> str:
    """What the shape's docstring says; a generated one says nothing."""
    written = shape.__dict__.get("__doc__") or ""
    return "" if written.startswith(f"{shape.__name__}(") else " ".join(written.split())


def _statuses() -> list[tuple[int, str, str]]:
    """The status, code and meaning of every error."""
    kinds: list[type[ModelkeepError]] = sorted(STATUS, key=lambda kind: (STATUS[kind], kind.code))
    return [(STATUS[kind], kind.code, _summary(kind)) for kind in kinds]
