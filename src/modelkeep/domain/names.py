"""Names: of registered models, aliases, stages, versions and tag keys. MLflow's rules, with its traps closed.

The rules are those of `mlflow/utils/validation.py` 3.17.2. Closed: a trailing newline in an alias, NUL anywhere,
names over 256 characters, version numbers past 64 bits.
"""

from __future__ import annotations

import posixpath
import re

from modelkeep.domain import texts
from modelkeep.domain.errors import Invalid, NotFound

ALIAS_LIMIT = 255
_ALIAS = re.compile(r"[\w\-]+")
_VERSION_LIKE = re.compile(r"[vV]\d+")
# Names that passed: every call checks one, and most calls check the same few.
_GOOD_NAMES: set[str] = set()
_REMEMBERED = 10_000
_KEY = re.compile(r"[/\w.\- :]+")


def check_model_name(name: object, field: str = "name") -> str:
    """Return a registered model's name.

    Raises:
        Invalid: it is missing, blank, over 256 characters, holds `/` or `:`, or is a path such as `..`.
    """
    if type(name) is str and name in _GOOD_NAMES:
        return name
    text = texts.required(name, field)
    if not text.strip():
        raise Invalid(f"Registered model name cannot be blank: parameter '{field}' is {text!r}.")
    if "/" in text or ":" in text or text in (".", "..") or text.startswith(".."):
        raise Invalid(
            f"Invalid value {text!r} for parameter '{field}': registered model names cannot contain '/' or ':', "
            "and cannot be '.' or begin with '..'. Use letters, digits and dashes, as in 'customer-churn-classifier'."
        )
    if len(_GOOD_NAMES) < _REMEMBERED:
        _GOOD_NAMES.add(text)
    return text


def check_alias(alias: object) -> str:
    """Return an alias.

    Raises:
        Invalid: it is missing, over 255 characters, has other characters than letters, digits, `_` and `-`, or is
            `latest` or of the form `v3`, which already mean something in a `models:/` address.
    """
    text = texts.required(alias, "alias", ALIAS_LIMIT)
    if not _ALIAS.fullmatch(text):
        raise Invalid(f"Invalid alias {text!r}: use letters, digits, dashes and underscores only.")
    if text.lower() == "latest":
        raise Invalid(f"Alias {text!r} is reserved: it always means the newest version. Choose another name.")
    if _VERSION_LIKE.fullmatch(text):
        raise Invalid(f"Alias {text!r} is reserved: it reads as a version number. Choose another name.")
    return text


def check_version(version: object) -> int:
    """Return a version number from its text or integer form.

    Raises:
        Invalid: it is not an integer.
        NotFound: it is zero, negative, or past 64 bits, which no version is.
    """
    if version is None or version == "":
        texts.required(None, "version")
    if type(version) is not int:
        try:
            version = int(texts.check(version, "version", 64))
        except ValueError:
            raise Invalid(f"Parameter 'version' must be an integer, got {version!r}.") from None
    if not 1 <= version <= texts.INT64_MAX:
        raise NotFound(f"Model Version (version={version}) not found: version numbers start at 1.")
    return version


def check_key(key: object, field: str = "key", limit: int = texts.TAG_KEY_LIMIT) -> str:
    """Return a key of a tag, metric or parameter.

    Raises:
        Invalid: it is missing, too long, has characters other than letters, digits, `_`, `-`, `.`, space, `:` and
            `/`, or is not a normal relative path (`/a`, `a//b`, `..`).
    """
    text = texts.required(key, field, limit)
    if (
        not _KEY.fullmatch(text)
        or posixpath.normpath(text) != text
        or text == "."
        or text[0] == "/"
        or text[:2] == ".."
    ):
        raise Invalid(
            f"Invalid value {text!r} for parameter '{field}': keys may only contain letters, digits, underscores, "
            "dashes, periods, spaces, colons and slashes, and must not be or contain an odd path such as '/a', 'a//b' or '..'."
        )
    return text
