"""Rules about measured facts: metrics, named evidence, datasets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from modelkeep.domain import durations
from modelkeep.domain.errors import Invalid
from modelkeep.domain.evidence import Fact
from modelkeep.domain.facts import ANY_DATASET, Facts, Wanted
from modelkeep.domain.rules.base import FAILED, MISSING, PASSED, Options, Outcome, Rule, Verdict, figure
from modelkeep.domain.texts import shown

# The version that holds the target now.
HOLDER = "holder"
_EVIDENCE_OPTIONS = ("evidence_kind", "from", "dataset", "max_age")


@dataclass(frozen=True)
class _Filter:
    """Which evidence a rule accepts."""

    kind: str | None
    producers: tuple[str, ...] | None
    dataset: str | None
    max_age: int | None

    @classmethod
    def take(cls, options: Options) -> _Filter:
        age = options.take("max_age")
        return cls(
            options.text("evidence_kind"),
            options.texts("from"),
            options.text("dataset"),
            None if age is None else durations.parse(age, f"{options.where}: 'max_age'"),
        )

    def wanted(self, now: int, digest: str | None = None) -> Wanted:
        if self.max_age is None and digest is None:
            return self._at_any_time
        since = None if self.max_age is None else now - self.max_age
        return Wanted(self.kind, self.producers, self.dataset, digest, since)

    @cached_property
    def _at_any_time(self) -> Wanted:
        return Wanted(self.kind, self.producers, self.dataset)

    @cached_property
    def words(self) -> str:
        parts = []
        if self.kind:
            parts.append(f"in {self.kind} evidence")
        if self.dataset:
            parts.append(f"on the dataset {self.dataset}")
        if self.producers:
            parts.append(f"from {' or '.join(self.producers)}")
        if self.max_age:
            parts.append(f"not older than {durations.words(self.max_age)}")
        return "".join(f" {part}" for part in parts)


def _source(found: Fact) -> str:
    on = f" on {found.dataset_name}" if found.dataset_name else ""
    return f"evidence {found.id}, {found.kind}{on} by {found.producer}{'' if found.verified else ' (unverified)'}"


@dataclass(frozen=True)
class MetricRule(Rule):
    """A metric in the newest evidence about the version's bytes lies within bounds, or is no worse than another version's.

    `at_least`, `at_most` and `between: [low, high]` are inclusive. `no_worse_than: holder` compares with the version
    that holds the target now, and a target such as `Production` or `"@champion"` with the one that holds that, on the
    same dataset by its digest. `tolerance` is how much worse it may be, in the metric's own unit. `better: lower` says that
    less is better. `when_absent: pass` or `refuse` must be given: it decides when nobody holds the target, or when there is no
    such evidence about who does.
    """

    kind = "metric"
    options = (
        "at_least", "at_most", "between", "no_worse_than", "tolerance", "better", "when_absent", *_EVIDENCE_OPTIONS,
    )  # fmt: skip
    example = "metric: auc, at_least: 0.85, from: [ci], max_age: 30d"

    key: str
    low: float | None
    high: float | None
    than: str | None
    tolerance: float
    lower_is_better: bool
    absent_passes: bool
    filter: _Filter

    @classmethod
    def take(cls, options: Options) -> MetricRule:
        key = options.text("metric")
        if key is None:
            raise Invalid(f"{options.where}: 'metric' must name a metric.")
        if (
            len(bounds := [each for each in ("at_least", "at_most", "between", "no_worse_than") if options.has(each)])
            == 0
        ):
            raise Invalid(
                f"{options.where}: the metric '{key}' needs one of at_least, at_most, between and no_worse_than."
            )
        low, high = options.number("at_least"), options.number("at_most")
        if "between" in bounds:
            if low is not None or high is not None:
                raise Invalid(f"{options.where}: 'between' says both bounds, so at_least and at_most don't go with it.")
            pair = options.take("between")
            if not isinstance(pair, list) or len(pair) != 2:
                raise Invalid(f"{options.where}: 'between' must be a list of two numbers, got {shown(pair)}.")
            low, high = (options.checked(each, "between") for each in pair)
        if low is not None and high is not None and low > high:
            raise Invalid(f"{options.where}: nothing is at least {figure(low)} and at most {figure(high)}.")
        than = options.target("no_worse_than", or_word=HOLDER)
        for each in ("tolerance", "better", "when_absent"):
            if than is None and options.has(each):
                raise Invalid(f"{options.where}: '{each}' belongs to 'no_worse_than', which is missing.")
        absent = options.one_of("when_absent", ("pass", "refuse")) if than is not None else "refuse"
        return cls(
            key, low, high, than, options.number("tolerance", 0.0, 0.0) or 0.0,
            options.one_of("better", ("higher", "lower"), "higher") == "lower", absent == "pass", _Filter.take(options),
        )  # fmt: skip

    @cached_property
    def words(self) -> str:
        demands = []
        if self.low is not None and self.high is not None:
            demands.append(f"between {figure(self.low)} and {figure(self.high)}")
        elif self.low is not None:
            demands.append(f"at least {figure(self.low)}")
        elif self.high is not None:
            demands.append(f"at most {figure(self.high)}")
        if self.than is not None:
            by = f" by more than {figure(self.tolerance)}" if self.tolerance else ""
            other = "the version it replaces" if self.than == HOLDER else f"that of {self.than}"
            demands.append(f"no worse than {other}{by}")
        return f"metric {self.key} {' and '.join(demands)}{self.filter.words}"

    def judge(self, facts: Facts) -> Verdict:
        found = facts.metric(facts.number, self.key, self.filter.wanted(facts.now))
        if found is None or found.value is None:
            return self.verdict(
                MISSING, f"there is no evidence with the metric {self.key}{self.filter.words} about these bytes"
            )
        said = f"{self.key} is {figure(found.value)} ({_source(found)})"
        if self.low is not None and found.value < self.low:
            return self.verdict(FAILED, f"{said}, below {figure(self.low)}", found, measured=found.value)
        if self.high is not None and found.value > self.high:
            return self.verdict(FAILED, f"{said}, above {figure(self.high)}", found, measured=found.value)
        if self.than is None:
            return self.verdict(PASSED, said, found, measured=found.value)
        return self._compared(facts, found, found.value, said)

    def _compared(self, facts: Facts, found: Fact, mine: float, said: str) -> Verdict:
        other = facts.holder if self.than == HOLDER else facts.holder_of(self.than or "")
        place = facts.target if self.than == HOLDER else self.than
        if other is None:
            outcome: Outcome = PASSED if self.absent_passes else MISSING
            return self.verdict(outcome, f"{said}; nobody holds {place} to compare with", found, measured=mine)
        if found.dataset_digest is None:
            return self.verdict(
                MISSING, f"{said}, but that evidence has no dataset digest to compare by", found, measured=mine
            )
        # However old: who holds a target was measured when it came there.
        wanted = Wanted(self.filter.kind, self.filter.producers, self.filter.dataset, found.dataset_digest)
        theirs = facts.metric(other, self.key, wanted)
        if theirs is None or theirs.value is None:
            outcome = PASSED if self.absent_passes else MISSING
            reason = f"{said}; version {other} has no evidence with {self.key} on the same dataset to compare with"
            return self.verdict(outcome, reason, found, measured=mine)
        worse = mine - theirs.value if self.lower_is_better else theirs.value - mine
        compared = f"{said}; version {other} has {figure(theirs.value)} on the same dataset"
        # As decimals: 0.91 is no more than 0.01 below 0.92, which binary fractions deny.
        passed = worse <= self.tolerance + 1e-12 * max(1.0, abs(mine), abs(theirs.value))
        reason = compared if passed else f"{compared}, which is better by {figure(worse)}"
        return self.verdict(passed, reason, found, theirs, measured=mine)


@dataclass(frozen=True)
class EvidenceRule(Rule):
    """The newest evidence of a kind, such as a validation, a scan or a load test, says that the version passed."""

    kind = "evidence"
    options = ("from", "dataset", "max_age")
    example = "evidence: fairness-report, from: [risk-team], max_age: 14d"

    filter: _Filter

    @classmethod
    def take(cls, options: Options) -> EvidenceRule:
        kind = options.text("evidence")
        if kind is None:
            raise Invalid(f"{options.where}: 'evidence' must name a kind of evidence.")
        taken = _Filter.take(options)
        return cls(_Filter(kind, taken.producers, taken.dataset, taken.max_age))

    @cached_property
    def words(self) -> str:
        rest = _Filter(None, self.filter.producers, self.filter.dataset, self.filter.max_age).words
        return f"{self.filter.kind} evidence passed{rest}"

    def judge(self, facts: Facts) -> Verdict:
        found = facts.evidence(self.filter.wanted(facts.now))
        if found is None:
            return self.verdict(MISSING, f"there is no such evidence about these bytes: {self.words}")
        if found.passed is None:
            return self.verdict(MISSING, f"{_source(found)} does not say whether it passed", found)
        said = "says that it passed" if found.passed else "says that it did not pass"
        return self.verdict(found.passed, f"{_source(found)} {said}", found)


@dataclass(frozen=True)
class DatasetRule(Rule):
    """There is evidence that names the data it was measured on, with its digest; the run's own inputs count."""

    kind = "dataset_recorded"
    options = _EVIDENCE_OPTIONS
    example = "dataset_recorded: true"

    filter: _Filter

    @classmethod
    def take(cls, options: Options) -> DatasetRule:
        options.must_be_true("dataset_recorded")
        return cls(_Filter.take(options))

    @cached_property
    def words(self) -> str:
        return f"a dataset with its digest is recorded{self.filter.words}"

    def judge(self, facts: Facts) -> Verdict:
        found = facts.evidence(self.filter.wanted(facts.now, ANY_DATASET))
        if found is None:
            return self.verdict(MISSING, "no evidence about these bytes names a dataset with its digest")
        return self.verdict(
            PASSED, f"the dataset {found.dataset_name} ({found.dataset_digest}) is in {_source(found)}", found
        )
