"""Cases: what the rules may ask about one version on its way, answered from the rows of one transaction."""

from __future__ import annotations

from functools import cached_property

from modelkeep.domain.evidence import API, Fact
from modelkeep.domain.facts import ANY_DATASET, Wanted
from modelkeep.domain.formats import Format
from modelkeep.domain.versions import Version
from modelkeep.registry import formats, holders
from modelkeep.registry.handle import Registry
from modelkeep.storage import evidence as evidence_rows
from modelkeep.storage import manifests as manifest_rows
from modelkeep.storage import moves as move_rows
from modelkeep.storage.database import Transaction


class Case:
    """The facts about a version and a target; see `domain.facts.Facts`. Each is looked up when it is asked for.

    Args:
        held: who holds the target, the newest number first; looked up when it is None.
        keep: note what is read of files; only in a transaction that writes.
        until: the case as of that time (UTC milliseconds), as far as evidence goes.
    """

    def __init__(
        self,
        tx: Transaction,
        registry: Registry,
        version: Version,
        target: str,
        now: int,
        *,
        held: list[int] | None = None,
        keep: bool = False,
        until: int | None = None,
    ):
        self.now = now
        self.number = version.number
        self.target = target
        self._tx = tx
        self._registry = registry
        self._version = version
        self._keep = keep
        self._until = until
        self._manifests = {version.number: version.manifest_id}
        self._latests: dict[int, tuple[Fact, dict[str, float]] | None] = {}
        self._metrics: dict[tuple[int, str], Fact | None] = {}
        self._holders = {} if held is None else {target: self._other(target, held)}

    @cached_property
    def tags(self) -> dict[str, str]:
        return dict(self._version.tags)

    @property
    def description(self) -> str | None:
        return self._version.description

    @property
    def is_pinned(self) -> bool:
        return self._manifest(self.number) is not None

    @cached_property
    def damaged(self) -> str | None:
        manifest_id = self._manifest(self.number)
        return None if manifest_id is None else manifest_rows.damaged(self._tx, manifest_id)

    @property
    def holder(self) -> int | None:
        return self.holder_of(self.target)

    def holder_of(self, target: str) -> int | None:
        if target not in self._holders:
            self._holders[target] = self._other(target, self._held(target))
        return self._holders[target]

    def _other(self, target: str, held: list[int]) -> int | None:
        return next((number for number in held if target != self.target or number != self.number), None)

    def _held(self, target: str) -> list[int]:
        return holders.now(self._tx, self._version.model_id, target)

    def metric(self, number: int, key: str, wanted: Wanted) -> Fact | None:
        manifest_id = self._manifest(number)
        if manifest_id is None:
            return None
        newest = self._newest_with(manifest_id, key)
        if newest is None or _fits(newest, wanted):
            return newest
        return evidence_rows.newest_with(
            self._tx,
            manifest_id,
            key,
            kind=wanted.kind,
            producers=wanted.producers,
            dataset_name=wanted.dataset,
            dataset_digest=wanted.dataset_digest,
            since=wanted.since,
            until=self._until,
        )

    def _latest(self, manifest_id: int) -> tuple[Fact, dict[str, float]] | None:
        """The newest evidence of all, which is what most rules want: it is looked up once for all of them."""
        if self._until is not None:
            return None
        if manifest_id not in self._latests:
            self._latests[manifest_id] = evidence_rows.latest(self._tx, manifest_id)
        return self._latests[manifest_id]

    def _newest_with(self, manifest_id: int, key: str) -> Fact | None:
        if (manifest_id, key) not in self._metrics:
            latest = self._latest(manifest_id)
            if latest is not None and key in latest[1]:
                found: Fact | None = latest[0].with_value(latest[1][key])
            else:
                found = evidence_rows.newest_with(self._tx, manifest_id, key, until=self._until)
            self._metrics[manifest_id, key] = found
        return self._metrics[manifest_id, key]

    def evidence(self, wanted: Wanted) -> Fact | None:
        manifest_id = self._manifest(self.number)
        if manifest_id is None:
            return None
        any_dataset = wanted.dataset_digest == ANY_DATASET
        latest = self._latest(manifest_id)
        if latest is not None and _fits(latest[0], wanted, any_dataset):
            return latest[0]
        return evidence_rows.newest(
            self._tx,
            manifest_id,
            wanted.kind,
            producers=wanted.producers,
            dataset_name=wanted.dataset,
            dataset_digest=None if any_dataset else wanted.dataset_digest,
            has_dataset=any_dataset,
            since=wanted.since,
            until=self._until,
        )

    def format(self, number: int) -> Format | None:
        manifest_id = self._manifest(number)
        return None if manifest_id is None else formats.find(self._tx, self._registry, manifest_id, keep=self._keep)

    def held(self, target: str) -> int | None:
        periods = move_rows.held(self._tx, self._version.model_id, target, self.number)
        return max(
            (min(self.now if end is None else end, self.now) - start for start, end in periods if start <= self.now),
            default=None,
        )

    def _manifest(self, number: int) -> int | None:
        if number not in self._manifests:
            self._manifests[number] = manifest_rows.find_id(self._tx, self._version.model_id, number)
        return self._manifests[number]


def _fits(fact: Fact, wanted: Wanted, any_dataset: bool = False) -> bool:
    """Whether evidence is what is wanted, as `storage.evidence.newest_with` and `newest` decide."""
    return (
        wanted.kind in (None, fact.kind)
        and wanted.dataset in (None, fact.dataset_name)
        and (fact.dataset_digest is not None if any_dataset else wanted.dataset_digest in (None, fact.dataset_digest))
        and (wanted.since is None or fact.creation_timestamp >= wanted.since)
        and (wanted.producers is None or (fact.source == API and fact.verified and fact.producer in wanted.producers))
    )
