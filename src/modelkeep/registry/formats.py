"""Formats: reading the MLmodel file of pinned bytes, once for all."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import yaml

from modelkeep.domain import formats
from modelkeep.domain.errors import ModelkeepError
from modelkeep.domain.formats import Column, Format, Signature
from modelkeep.registry.handle import Registry
from modelkeep.storage import formats as rows
from modelkeep.storage.database import Transaction

MOST_BYTES = 1_048_576
_MOST_NESTED = 100
# What PyYAML's constructors and the look at what they made raise over values that are not what their place says.
_MALFORMED = (ValueError, TypeError, LookupError, AttributeError)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def find(tx: Transaction, registry: Registry, manifest_id: int, *, keep: bool) -> Format | None:
    """The format of a manifest; None when it has no MLmodel file, or its bytes cannot be had.

    Args:
        keep: note it, so that the file is not read again; only in a transaction that writes.
    """
    known = rows.find(tx, manifest_id)
    if known is not None:
        return known
    file = rows.file_of(tx, manifest_id)
    if file is None:
        return None
    content = _read(registry, *file)
    if content is None:
        return None
    found = parse(content)
    if keep:
        rows.keep(tx, manifest_id, found)
    return found


def _read(registry: Registry, digest: str, size: int) -> bytes | None:
    if size > MOST_BYTES:
        return None
    try:
        with registry.blobs.open(digest) as file:
            content = file.read(MOST_BYTES + 1)
    except (ModelkeepError, OSError):
        return None
    return content if content is not None and hashlib.sha256(content).hexdigest() == digest else None


def parse(content: bytes) -> Format:
    """What an MLmodel file says. One that cannot be read vouches for nothing."""
    try:
        _check_depth(content)
        document = yaml.load(content, _LOADER)
        flavors = document["flavors"]
        if not isinstance(flavors, dict):
            raise TypeError
        told = document.get("signature")
        signature = _signature(told) if told else None
        return Format(tuple(name for name in flavors if isinstance(name, str)), signature, formats.runs_code(flavors))
    except (yaml.YAMLError, msgspec.DecodeError, RecursionError, ArithmeticError, *_MALFORMED):
        return Format((), None, "its MLmodel file cannot be read")


def _check_depth(content: bytes) -> None:
    """Refuse what is nested so deeply that libyaml, which recurses in C, would take the process with it."""
    depth = 0
    for event in yaml.parse(content, _LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MOST_NESTED:
            raise ValueError


def _signature(told: dict[str, Any]) -> Signature:
    return Signature(_columns(told.get("inputs")), _columns(told.get("outputs")), _params(told.get("params")))


def _columns(text: str | None) -> dict[str, Column]:
    found: dict[str, Column] = {}
    for place, each in enumerate(msgspec.json.decode(text) if text else []):
        if "tensor-spec" in each:
            spec = each["tensor-spec"]
            kind = f"tensor of {spec['dtype']} {spec['shape']}"
        elif set(each) <= {"type", "name", "required"}:
            kind = str(each["type"])
        else:
            nested = {key: value for key, value in each.items() if key not in ("name", "required")}
            kind = msgspec.json.encode(nested, order="deterministic").decode()
        found[str(each.get("name") or f"#{place}")] = Column(kind, each.get("required", True) is not False)
    return found


def _params(text: str | None) -> dict[str, Column]:
    # MLflow's parameters all have a default.
    return {
        str(each["name"]): Column(str(each.get("type") or each.get("dtype")), False)
        for each in (msgspec.json.decode(text) if text else None) or []
    }
