"""Facts as a test says them: what a rule would otherwise be told from the rows of a registry."""

from __future__ import annotations

from dataclasses import dataclass, field

from modelkeep.domain.evidence import API, Fact
from modelkeep.domain.facts import ANY_DATASET, Wanted
from modelkeep.domain.formats import Format

NOW = 1_798_106_400_000
DAY = 86_400_000


def found(number: int = 1, value: float | None = None, **other: object) -> Fact:
    """Evidence as it is found: by ci, of the kind validation, a day old."""
    said: dict[str, object] = {
        "kind": "validation", "producer": "ci", "passed": None, "dataset_name": "holdout", "dataset_digest": "d1",
        "creation_timestamp": NOW - DAY, "source": API, "verified": True,
    }  # fmt: skip
    return Fact(id=number, value=value, **{**said, **other})  # type: ignore[arg-type]


@dataclass
class Told:
    """`metrics` and `evidence` are kept the newest last, each metric by version and key."""

    now: int = NOW
    number: int = 4
    target: str = "Production"
    tags: dict[str, str] = field(default_factory=dict)
    description: str | None = None
    is_pinned: bool = True
    damaged: str | None = None
    holder: int | None = 3
    holders: dict[str, int] = field(default_factory=dict)
    metrics: dict[tuple[int, str], list[Fact]] = field(default_factory=dict)
    reports: list[Fact] = field(default_factory=list)
    formats: dict[int, Format] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)

    def holder_of(self, target: str) -> int | None:
        return self.holders.get(target)

    def metric(self, number: int, key: str, wanted: Wanted) -> Fact | None:
        return _newest(self.metrics.get((number, key), []), wanted)

    def evidence(self, wanted: Wanted) -> Fact | None:
        return _newest(self.reports, wanted)

    def format(self, number: int) -> Format | None:
        return self.formats.get(number)

    def held(self, target: str) -> int | None:
        return self.times.get(target)


def _newest(evidence: list[Fact], wanted: Wanted) -> Fact | None:
    return next((each for each in reversed(evidence) if _counts(each, wanted)), None)


def _counts(each: Fact, wanted: Wanted) -> bool:
    return (
        (wanted.kind is None or each.kind == wanted.kind)
        and (wanted.producers is None or each.producer in wanted.producers)
        and (wanted.dataset is None or each.dataset_name == wanted.dataset)
        and (wanted.since is None or each.creation_timestamp >= wanted.since)
        and (
            wanted.dataset_digest is None
            or each.dataset_digest == wanted.dataset_digest
            or (wanted.dataset_digest == ANY_DATASET and each.dataset_digest is not None)
        )
    )
