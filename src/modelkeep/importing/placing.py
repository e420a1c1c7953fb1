"""Where the files of a registered version are here, by where they are at the source."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast
from urllib.parse import unquote, urlsplit

from modelkeep.domain import imports
from modelkeep.domain.imports import Model, Version
from modelkeep.domain.models import PROMPT_TAG
from modelkeep.importing import sources, transferring
from modelkeep.importing.sources import LOGGED_MODEL, RUN, VERSION, Place

if TYPE_CHECKING:
    from modelkeep.importing.bringing import Brought

# What MLflow's clients write as the source of a prompt, which has no files.
_PROMPT_SOURCES = ("prompt-template", "dummy-source")


def place(brought: Brought, model: Model, version: Version) -> Version:
    """The version with a source that is right here, after bringing its files if nothing else has."""
    original = version.source or ""
    name, number = cast(str, model.name), cast(int, version.number)
    source = original
    logged_model_id = version.logged_model_id
    if any(tag.key == PROMPT_TAG for tag in (*model.tags, *version.tags)):
        source = original if original in _PROMPT_SOURCES else _PROMPT_SOURCES[0]
        return replace(version, source=source, original=original, logged_model_id=None)
    if sources.is_elsewhere(original):
        brought.report.note(stays(original))
        return replace(version, original=original, logged_model_id=None)
    if logged_model_id is not None and (LOGGED_MODEL, logged_model_id) in brought.roots:
        # Only when it says the same run as the logged model itself would a given run id be accepted.
        return replace(version, original=original)
    found = _in_run(brought, version, original) or _in_logged_model(brought, original)
    if found is not None:
        source, logged_model_id = found
        return replace(version, source=source, original=original, logged_model_id=logged_model_id)
    uri = brought.source.download_uri(name, number, original)
    if sources.is_elsewhere(uri):
        brought.report.note(stays(uri))
        return replace(version, source=uri, original=original, logged_model_id=None)
    root = imports.version_root(brought.origin, name, number)
    transferring.bring_files(brought, [(Place(VERSION, f"{name}/{number}", uri), root)], must_exist=True)
    return replace(version, source=root, original=original, logged_model_id=None)


def stays(uri: str) -> str:
    """The sentence about files that are not brought."""
    host = f"{sources.scheme_of(uri)}://{urlsplit(uri).netloc}"
    return f"Files in {host} stay there: their addresses were brought as they are."


def _in_run(brought: Brought, version: Version, original: str) -> tuple[str, None] | None:
    run_id = version.run_id
    if original.startswith("runs:/"):
        named, _, path = original.removeprefix("runs:/").strip("/").partition("/")
        if run_id not in (None, named) or not path or (RUN, named) not in brought.roots:
            return None
        return original, None
    if run_id is None or (RUN, run_id) not in brought.roots:
        return None
    there, here = brought.roots[RUN, run_id]
    rest = _rest(original, there)
    return None if rest is None or here is None else (f"{here}/{rest}".rstrip("/"), None)


def _in_logged_model(brought: Brought, original: str) -> tuple[str, str] | None:
    head, mark, tail = _path(original).rpartition("/models/")
    if not mark or not head:
        return None
    model_id = tail.partition("/")[0]
    there, here = brought.roots.get((LOGGED_MODEL, model_id), ("", None))
    rest = _rest(original, there) if here is not None else None
    return None if rest is None else (f"{here}/{rest}".rstrip("/"), model_id)


def _rest(uri: str, root: str) -> str | None:
    """The path of an address inside another, None when it is not inside."""
    if not root or sources.scheme_of(uri) != sources.scheme_of(root):
        return None
    inside, outside = _path(uri), _path(root)
    if inside == outside:
        return ""
    return inside.removeprefix(f"{outside}/") if inside.startswith(f"{outside}/") else None


def _path(uri: str) -> str:
    if sources.scheme_of(uri) == "file":
        uri = uri.removeprefix("file:")
        return unquote("/" + uri.lstrip("/")) if uri.startswith("/") else uri.rstrip("/")
    return unquote(uri.partition(":")[2]).rstrip("/").replace("//", "/")
