"""What came out of a validation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_KEYS = (
    "passed", "errors", "metrics", "model_uri", "digest", "dataset_name", "dataset_digest", "rows", "checks", "notes",
    "details", "environment", "evidence_id",
)  # fmt: skip


@dataclass(slots=True)
class Judged:
    """One check: what was measured and what it must be. `value` and `passed` are None when there is no such thing."""

    name: str
    value: float | None
    bound: str
    passed: bool | None


@dataclass(slots=True, eq=False)
class Report(Mapping[str, Any]):
    """What came out of a validation. Everything is an attribute and, as a dict has it, a key.

    Attributes:
        passed: whether there are no errors.
        errors: what is wrong, as sentences.
        metrics: everything that was measured, by name.
        model_uri, digest: which version, and the digest of its files, if it is one.
        dataset_name, dataset_digest, rows: what was measured on.
        checks: each measure with its bound.
        notes: what was left out, and why.
        details: how things were measured.
        environment: where.
        evidence_id: under which it was recorded; None when it was not.
    """

    model_uri: str
    digest: str | None
    dataset_name: str
    dataset_digest: str
    rows: int
    errors: list[str] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)
    checks: list[Judged] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    evidence_id: str | None = None

    @property
    def passed(self) -> bool:
        """Whether there are no errors."""
        return not self.errors

    @property
    def is_judged(self) -> bool:
        """Whether anything could have failed; else it was only measured."""
        return bool(self.errors) or any(each.bound for each in self.checks)

    def __getitem__(self, key: str) -> Any:
        if key not in _KEYS:
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(_KEYS)

    def __len__(self) -> int:
        return len(_KEYS)

    def to_dictionary(self) -> dict[str, Any]:
        """All of it as plain dicts and lists."""
        plain: dict[str, Any] = {key: self[key] for key in _KEYS}
        plain["checks"] = judgements(self.checks)
        return plain

    def __repr__(self) -> str:
        return f"<modelkeep validation of {self.model_uri}: {self._outcome}>"

    @property
    def _outcome(self) -> str:
        if not self.is_judged:
            return "measured"
        return "passed" if self.passed else "failed"

    def __str__(self) -> str:
        lines = [
            f"{self.model_uri} on {self.dataset_name} ({self.rows:,} rows, digest {self.dataset_digest}): {self._outcome}"
        ]
        bounds = {each.name: each for each in self.checks}
        names = list(dict.fromkeys([*self.metrics, *bounds]))
        width = max((len(name) for name in names), default=0)
        for name in names:
            judged = bounds.get(name)
            value = "—" if name not in self.metrics else f"{self.metrics[name]:.6g}"
            mark = "" if judged is None or judged.passed is None else "  ok" if judged.passed else "  FAILED"
            bound = f"  {judged.bound}" if judged is not None and judged.bound else ""
            lines.append(f"  {name:<{width}}  {value:>10}{bound}{mark}")
        lines += [f"  error: {error}" for error in self.errors]
        lines += [f"  note: {note}" for note in self.notes]
        if self.evidence_id is not None:
            lines.append(f"  recorded as evidence {self.evidence_id} about {self.digest}")
        return "\n".join(lines)


def judgements(checks: list[Judged]) -> list[dict[str, Any]]:
    """Checks as plain dicts."""
    return [{"name": each.name, "value": each.value, "bound": each.bound, "passed": each.passed} for each in checks]
