"""Artifacts: files by path. A path is text in the database and never a path of the server's disk.

The rule for paths is MLflow's (`mlflow/utils/uri.py` 3.17.2, `validate_path_is_safe`) with its traps closed: also
refused are backslashes, control characters, `.` segments, over-long names, and text that never stops decoding.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import unquote

from modelkeep.domain.errors import Invalid, NotFound

PATH_LIMIT = 1024
SEGMENT_LIMIT = 255
SCHEME = "mlflow-artifacts:"
# The reserved names of MLflow's own half-written files.
UPLOADING_PREFIX = ".artifact.uploading."
# Below it each pinned version has its files, read-only: `registered-versions/<model id>/<number>/…`. A model's id is
# for life, so its address outlives any renaming.
VERSIONS_ROOT = "registered-versions"
_OF_VERSION = re.compile(rf"{VERSIONS_ROOT}/([1-9][0-9]{{0,17}})/([1-9][0-9]{{0,17}})(?:/(.+))?", re.DOTALL)
_DECODINGS = 10
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# What nearly every path is: it breaks no rule, and every registration checks some.
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.\-]*)*")
# `C:x`, and addresses such as `file:/x`.
_ABSOLUTE = re.compile(r"/|[A-Za-z]:|[A-Za-z][A-Za-z0-9+.\-]*:(?:/|$)")


@dataclass(slots=True)
class Artifact:
    """A file: `digest` is the SHA-256 of its `size` bytes in hexadecimal. The time is UTC milliseconds."""

    path: str
    digest: str
    size: int
    last_updated_timestamp: int


@dataclass(slots=True)
class Entry:
    """A file or folder of a listing; a folder has no size."""

    path: str
    is_dir: bool
    file_size: int | None


@dataclass(slots=True)
class Listing:
    """What is directly in a folder. `root_uri` is the address that the entries' paths start from."""

    entries: list[Entry]
    root_uri: str | None = None


def check_path(path: object, field: str = "path") -> str:
    """Return the one spelling of a file's path: decoded, without doubled slashes.

    Args:
        path: relative, with `/` between segments, percent-encoded as often as the caller likes up to 10 times.
    Raises:
        Invalid: it is missing, not a relative path, too long, or holds what the module's rule forbids.
    """
    text = _canonical(path, field)
    if text.endswith("/"):
        raise _refused(text, field, "it names a folder; a file's path does not end with '/'")
    return text


def check_folder(path: object, field: str = "path") -> str:
    """`check_path` for a folder: None and the empty text are the root, and a slash at the end is dropped."""
    return "" if path is None or path == "" else _canonical(path, field).rstrip("/")


def _canonical(path: object, field: str) -> str:
    if path is None or path == "":
        raise Invalid(
            f"Missing value for required parameter '{field}'. "
            "See the API docs for more information about request parameters."
        )
    if not isinstance(path, str):
        raise Invalid(f"Parameter '{field}' must be text, got {path!r} of type '{type(path).__name__}'.")
    if len(path) <= SEGMENT_LIMIT and _PLAIN.fullmatch(path):
        return path
    if len(path) > 16 * PATH_LIMIT:  # before decoding, which costs what the text is long
        raise _refused(path, field, f"it is longer than {PATH_LIMIT:,} bytes")
    text = re.sub("//+", "/", _decoded(path, field))
    segments = text.removesuffix("/").split("/")
    if _ABSOLUTE.match(text):
        raise _refused(path, field, "it must be relative")
    if "#" in text or "\\" in text or _CONTROL.search(text):
        raise _refused(path, field, "'#', backslashes and control characters are not allowed")
    if ".." in segments or "." in segments:
        raise _refused(path, field, "'.' and '..' are not allowed, however they are written")
    if any(segment.startswith(UPLOADING_PREFIX) for segment in segments):
        raise _refused(path, field, f"names starting with '{UPLOADING_PREFIX}' are reserved")
    try:
        length = len(text.encode())
    except UnicodeEncodeError:
        raise _refused(path, field, "it holds a lone surrogate, which is not valid Unicode text") from None
    if length > PATH_LIMIT:
        raise _refused(path, field, f"it has {length:,} bytes, and at most {PATH_LIMIT:,} are allowed")
    if any(len(segment.encode()) > SEGMENT_LIMIT for segment in segments):
        raise _refused(path, field, f"a name in it has over {SEGMENT_LIMIT} bytes")
    return text


def _decoded(path: str, field: str) -> str:
    for _ in range(_DECODINGS + 1):
        try:
            further = unquote(path, errors="strict")
        except UnicodeDecodeError:
            raise _refused(path, field, "it is not UTF-8") from None
        if further == path:
            return path
        path = further
    raise _refused(path, field, f"it is percent-encoded over {_DECODINGS} times")


def _refused(path: str, field: str, why: str) -> Invalid:
    shown = path if len(path) <= 200 else path[:200] + "…"
    return Invalid(f"Invalid path in parameter '{field}': {why}. Got {shown!r}.")


def join(folder: str, path: str) -> str:
    """The path of `path` inside `folder`, either of which may be the root."""
    return f"{folder}/{path}" if folder and path else folder or path


def root_of(uri: str) -> str | None:
    """The folder that an `mlflow-artifacts:/…` address of this server names, None for an address elsewhere."""
    if not uri.startswith(SCHEME) or uri.startswith(SCHEME + "//"):
        return None
    return check_folder(uri[len(SCHEME) :].strip("/"), "artifact_uri")


@dataclass(frozen=True, slots=True)
class OfVersion:
    """A place among a registered version's own files; the empty path is their root."""

    model_id: int
    number: int
    path: str


def version_location(model_id: int, number: int) -> str:
    """The address of a pinned version's own files."""
    return f"{SCHEME}/{VERSIONS_ROOT}/{model_id}/{number}"


def is_of_versions(path: str) -> bool:
    """Whether a checked path is in the part that belongs to registered versions."""
    return path == VERSIONS_ROOT or path.startswith(f"{VERSIONS_ROOT}/")


def of_version(path: str) -> OfVersion | None:
    """The version's file that a checked path names, None when it names none."""
    match = _OF_VERSION.fullmatch(path)
    if match is None:
        return None
    return OfVersion(int(match[1]), int(match[2]), unicodedata.normalize("NFC", match[3] or ""))


def not_found(path: str) -> NotFound:
    """The error that stock clients match by its text."""
    return NotFound(f"No such artifact: '{path}'")
