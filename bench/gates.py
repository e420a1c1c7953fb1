"""What policies cost: ten rules over 10,000 pieces of evidence about the bytes, in process and without the commit."""

import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.report import Figure, Ratio
from bench.servers import Server
from modelkeep.domain.actors import Actor
from modelkeep.domain.artifacts import root_of
from modelkeep.registry import artifacts, manifests, models, opening, policies, promotions, runs, versions
from modelkeep.registry.handle import Registry
from modelkeep.storage import evidence as evidence_rows

MODEL = "churn"
LIMIT = 0.150
_ACTOR = Actor("ci", "admin", True, "embedded")
_RULES = [
    {"metric": "auc", "at_least": 0.5},
    {"metric": "auc", "at_least": 0.5, "from": ["ci"]},
    {"metric": "auc", "no_worse_than": "holder", "tolerance": 0.5, "when_absent": "pass"},
    {"metric": "f1", "between": [0.1, 0.9], "max_age": "30d"},
    {"metric": "loss", "at_most": 0.9, "dataset": "holdout"},
    {"metric": "latency_ms", "at_most": 0.9, "evidence_kind": "validation"},
    {"evidence": "validation", "from": ["ci"]},
    {"dataset_recorded": True},
    {"tags": ["owner"]},
    {"runs_no_code": True},
]


@dataclass(frozen=True)
class Size:
    evidence: int
    promotions: int


WHOLE = Size(evidence=10_000, promotions=2_000)
QUICK = Size(evidence=200, promotions=100)


def measure(ours: Server | None, theirs: Server | None, size: Size) -> tuple[list[Ratio], list[Figure]]:
    """The time that ten rules add to a promotion: the difference of two medians, taken in turns."""
    del ours, theirs
    with tempfile.TemporaryDirectory(prefix="bench-gates-") as folder:
        data = Path(folder, "data")
        opening.prepare(data)
        registry = opening.open_registry(data)
        try:
            _fill(registry, size)
            free, guarded = _medians(registry, size)
        finally:
            opening.close(registry)
    added = (guarded - free) * 1e3
    print(f"a promotion: {free * 1e6:.0f} µs unguarded, {guarded * 1e6:.0f} µs past ten rules", flush=True)
    title = f"ten rules over {size.evidence:,} pieces of evidence, added to a promotion in process"
    return [], [Figure(title, "ms", added, None, LIMIT)]


def _fill(registry: Registry, size: Size) -> None:
    models.create(_ACTOR, registry, MODEL)
    for number in (1, 2):
        run = runs.create(_ACTOR, registry, experiment_id="0")
        content = b"flavors: {sklearn: {serialization_format: skops}}\n# " + os.urandom(8).hex().encode()
        upload = registry.blobs.begin(len(content))
        upload.write(content)
        artifacts.store(_ACTOR, registry, f"{root_of(run.artifact_uri)}/model/MLmodel", upload)
        version = versions.register(_ACTOR, registry, MODEL, f"runs:/{run.id}/model", run.id)
        versions.set_tag(_ACTOR, registry, MODEL, number, "owner", "ann")
        pin = manifests.find_pin(_ACTOR, registry, version)
        assert pin is not None
        _add_evidence(registry, pin.manifest_id, size.evidence)
    document = {"policy": "ten-rules", "models": [MODEL], "targets": ["@guarded"], "rules": _RULES}
    policies.apply(_ACTOR, registry, document)


def _add_evidence(registry: Registry, manifest_id: int, count: int) -> None:
    now = registry.clock()
    with registry.database.write() as tx:
        for number in range(count):
            values = {"auc": 0.8, "f1": 0.7, "loss": 0.2, "latency_ms": min(number / count, 0.89)}
            evidence_rows.insert(
                tx,
                manifest_id=manifest_id,
                kind="validation",
                source="api",
                passed=True,
                producer="ci",
                verified=True,
                tool="bench",
                dataset_name="holdout",
                dataset_digest="5e1f",
                values=values,
                content=evidence_rows.content_of(values, {}, {}),
                now=now,
            )


def _medians(registry: Registry, size: Size) -> tuple[float, float]:
    """Seconds of a promotion to an alias that no policy guards, and to one that does; in one transaction, so that neither
    waits for the disk."""
    taken: dict[str, list[float]] = {"@free": [], "@guarded": []}
    with registry.database.write():
        for turn in range(size.promotions):
            for target, times in taken.items():
                began = time.perf_counter()
                promotions.promote(_ACTOR, registry, MODEL, turn % 2 + 1, target)
                times.append(time.perf_counter() - began)
    return statistics.median(taken["@free"]), statistics.median(taken["@guarded"])
