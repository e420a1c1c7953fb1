"""Reply shapes as any server may fill them: every field may be missing, as servers from MLflow 2.9 on do.

The shapes of `modelkeep.api` say what our server always sends; decoding with those would refuse an answer of MLflow's
that leaves one of them out.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec

Decode = Callable[[bytes], Any]


@functools.cache
def decoder(shape: type[msgspec.Struct]) -> Decode:
    """Decodes JSON into a struct with the fields of `shape`; numbers may come as text."""
    return msgspec.json.Decoder(tolerant(shape), strict=False).decode


@functools.cache
def tolerant(shape: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """A struct like `shape` whose fields are None, or an empty list, when they are missing."""
    hints = get_type_hints(shape)
    fields: list[tuple[str, Any, Any]] = []
    for field in msgspec.structs.fields(shape):
        kind = _tolerant(hints[field.name])
        default: Any = msgspec.field(default_factory=list) if get_origin(kind) is list else None
        fields.append((field.name, kind if get_origin(kind) is list else Union[kind, None], default))  # noqa: UP007
    renamed = dict(zip(shape.__struct_fields__, shape.__struct_encode_fields__, strict=True))
    return msgspec.defstruct(shape.__name__, fields, omit_defaults=True, rename=renamed)


def _tolerant(hint: Any) -> Any:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return tolerant(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is list:
        return list[_tolerant(arguments[0])]  # type: ignore[misc]
    if origin in (Union, types.UnionType):
        return Union[tuple(_tolerant(each) for each in arguments)]  # noqa: UP007
    return hint
