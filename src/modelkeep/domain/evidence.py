"""Evidence: measured facts about the bytes of a manifest, recorded once and never changed.

It belongs to a digest and not to a version: it holds for every version of the same bytes, and for no other bytes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelkeep.domain import names, texts
from modelkeep.domain.errors import Invalid

# The kind and the source of what the registry itself takes from a run when a version is registered.
RUN = "run"
# The source of what somebody posted.
API = "api"
# The kind that `modelkeep.validate` records.
VALIDATION = "validation"

KIND_LIMIT = 100
CONTENT_LIMIT = 1_048_576
VALUES_LIMIT = 10_000
# Of the metrics of a run.
RUN_VALUES_LIMIT = 1_000
ENVIRONMENT_LIMIT = 1_000
ENVIRONMENT_VALUE_LIMIT = 8_192
DATASET_LIMIT = 500
DEPTH_LIMIT = 32
# How JSON says what it has no number for, in MLflow's API as in this.
_NO_NUMBERS = ("NaN", "Infinity", "-Infinity")
_KIND = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]*")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(slots=True)
class Evidence:
    """One report about some bytes.

    Attributes:
        id: later evidence has a higher one.
        manifest_id, digest: of the manifest it is about.
        kind: what was done, such as `validation`, `load-test`, or `run`.
        source: `run` when the registry took it from a run, `api` when somebody posted it.
        passed: what the producer says; None when it only measured.
        producer, verified: who recorded it, and whether a token proved that.
        tool: what measured.
        dataset_name, dataset_digest: what was measured on.
        values: numbers by key, all finite.
        environment: where it was measured, as texts.
        details: anything else, as JSON has it.
        creation_timestamp: UTC milliseconds.
    """

    id: int
    manifest_id: int
    digest: str
    kind: str
    source: str
    passed: bool | None
    producer: str
    verified: bool
    tool: str | None
    dataset_name: str | None
    dataset_digest: str | None
    values: dict[str, float]
    environment: dict[str, str]
    details: dict[str, Any]
    creation_timestamp: int


@dataclass(slots=True)
class Fact:
    """What a rule needs of one piece of evidence: as in `Evidence`, and the value of the key that was asked for."""

    id: int
    kind: str
    source: str
    passed: bool | None
    producer: str
    verified: bool
    dataset_name: str | None
    dataset_digest: str | None
    creation_timestamp: int
    value: float | None = None

    def with_value(self, value: float) -> Fact:
        """The same evidence, asked for another key. (`dataclasses.replace` takes three times as long.)"""
        return Fact(
            self.id, self.kind, self.source, self.passed, self.producer, self.verified, self.dataset_name,
            self.dataset_digest, self.creation_timestamp, float(value),
        )  # fmt: skip


def check_kind(kind: object) -> str:
    """Return a kind that evidence can be posted as.

    Raises:
        Invalid: it is missing, no name, or `run`.
    """
    text = texts.required(kind, "kind", KIND_LIMIT)
    if not _KIND.fullmatch(text):
        raise Invalid(
            f"Invalid value {text!r} for parameter 'kind': use letters, digits, dashes, dots and underscores, as in "
            "'validation' or 'load-test'."
        )
    if text == RUN:
        raise Invalid(
            "Evidence of the kind 'run' is what the registry itself takes from a run when a version is registered. "
            "Choose another kind, such as 'validation'."
        )
    return text


def check_digest(digest: object) -> str:
    """Return the digest of a manifest.

    Raises:
        Invalid: it is not the SHA-256 of anything.
    """
    text = texts.required(digest, "digest")
    if not _DIGEST.fullmatch(text):
        raise Invalid(
            f"Invalid value {text!r} for parameter 'digest': it has 64 hexadecimal digits, as the manifest of a version "
            "tells it."
        )
    return text


def check_passed(passed: object) -> bool | None:
    """Return whether it passed, None when nothing is said.

    Raises:
        Invalid: it is no truth value.
    """
    if passed is None or type(passed) is bool:
        return passed
    raise Invalid(f"Parameter 'passed' must be true or false, got {passed!r:.100}.")


def check_values(values: object) -> dict[str, float]:
    """Return numbers by key.

    Raises:
        Invalid: there are too many, a key is not allowed, or a value is not a finite number.
    """
    given = _mapping(values, "values", VALUES_LIMIT)
    checked: dict[str, float] = {}
    for key, value in given.items():
        checked[names.check_key(key, "values")] = _number(key, value)
    return checked


def _mapping(given: object, field: str, limit: int) -> Mapping[Any, Any]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise Invalid(f"Parameter '{field}' must be an object with a value for each key, got {given!r:.100}.")
    if len(given) > limit:
        raise Invalid(f"Parameter '{field}' has {len(given):,} keys; at most {limit:,} are allowed.")
    return given


def _number(key: object, value: object) -> float:
    if value in _NO_NUMBERS:
        value = float(value)
    if isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool)):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
        raise Invalid(
            f"The value of '{key}' is {number!r}, and evidence holds finite numbers only. Leave it out, or say in "
            "'details' why it could not be measured."
        )
    hint = " Write 1 or 0 for a truth value." if isinstance(value, bool) else ""
    raise Invalid(f"The value of '{key}' must be a number, got {value!r:.100}.{hint}")


def check_environment(environment: object) -> dict[str, str]:
    """Return texts by key.

    Raises:
        Invalid: there are too many, or one is no text or too long.
    """
    given = _mapping(environment, "environment", ENVIRONMENT_LIMIT)
    return {
        texts.required(key, "environment", texts.TAG_KEY_LIMIT): texts.check(
            value, "environment", ENVIRONMENT_VALUE_LIMIT
        )
        for key, value in given.items()
    }


def check_details(details: object) -> dict[str, Any]:
    """Return anything that JSON can say, by key.

    Raises:
        Invalid: it holds something else, a number that is not finite, or is nested too deeply.
    """
    given = _mapping(details, "details", CONTENT_LIMIT)
    return {_detail(key, 1): _detail(value, 1) for key, value in given.items() if _is_text(key)}


def _is_text(key: object) -> bool:
    if not isinstance(key, str):
        raise Invalid(f"Parameter 'details' has the key {key!r:.100}; keys must be texts.")
    return True


def _detail(value: object, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return texts.check(value, "details", CONTENT_LIMIT)
    if isinstance(value, int):
        return texts.integer(value, "details")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Invalid(f"Parameter 'details' holds {value!r}, which JSON has no number for. Write it as a text.")
        return value
    if depth > DEPTH_LIMIT:
        raise Invalid(f"Parameter 'details' is nested deeper than {DEPTH_LIMIT} levels.")
    if isinstance(value, list):
        return [_detail(each, depth + 1) for each in value]
    if isinstance(value, dict):
        return {_detail(key, depth + 1): _detail(each, depth + 1) for key, each in value.items() if _is_text(key)}
    raise Invalid(f"Parameter 'details' holds {value!r:.100} of type '{type(value).__name__}', which JSON cannot say.")
