"""The page of one version, and versions side by side."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from modelkeep.domain import names
from modelkeep.domain.errors import Invalid
from modelkeep.domain.models import Model
from modelkeep.domain.runs import Run
from modelkeep.domain.versions import Version
from modelkeep.registry import events, evidence, history, manifests, models, versions
from modelkeep.ui import files, rendering
from modelkeep.ui.filters import quoted
from modelkeep.ui.logged_models import find as find_logged_model
from modelkeep.ui.runs import find as find_run
from modelkeep.ui.visits import Answer, Visit

EVENTS_OF_VERSION = 20
EVIDENCE_OF_VERSION = 20
COMPARED_AT_MOST = 12


def show(visit: Visit) -> Answer:
    """Everything on one version."""
    model = models.get(visit.actor, visit.registry, visit.parts["name"])
    version = versions.get(visit.actor, visit.registry, model.name, visit.parts["version"])
    recent = events.recent_of_version(visit.actor, visit.registry, version.model_id, version.number, EVENTS_OF_VERSION)
    return rendering.page(
        "version.html",
        visit,
        model=model,
        version=version,
        run=find_run(visit, version.run_id),
        logged=find_logged_model(visit, version.logged_model_id),
        others=_others(visit, model, version),
        tree=files.of_version(visit, version),
        overrides=[
            each
            for each in history.open_overrides(visit.actor, visit.registry, model.name)
            if each.version == version.number
        ],
        evidence=evidence.page(
            visit.actor, visit.registry, model.name, version.number, max_results=EVIDENCE_OF_VERSION
        ).items,
        pin=manifests.find_pin(visit.actor, visit.registry, version),
        recent=recent,
        subjects=events.subjects(visit.actor, visit.registry, recent),
    )


def _others(visit: Visit, model: Model, version: Version) -> list[Version]:
    """The versions it is worth comparing with: the one before, and the newest of each stage."""
    condition = f"name = '{quoted(model.name)}' AND version_number < {version.number}"
    before = versions.search(visit.actor, visit.registry, condition, 1, ["version_number DESC"]).items
    others = {each.number: each for each in (*before, *model.latest_versions) if each.number != version.number}
    return [others[number] for number in sorted(others, reverse=True)]


@dataclass(slots=True)
class Row:
    """One line of a comparison: a name and a value, or None, for each version."""

    name: str
    values: list[object]

    @property
    def differs(self) -> bool:
        return len({repr(value) for value in self.values}) > 1  # NaN equals NaN here


def compare(visit: Visit) -> Answer:
    """Versions of one model side by side. `versions` holds their numbers; `only=differences` leaves the rest out."""
    model = models.get(visit.actor, visit.registry, visit.parts["name"])
    numbers = _numbers([*visit.query.get("versions", ()), *visit.query.get("version", ())])
    chosen = [versions.get(visit.actor, visit.registry, model.name, number) for number in numbers]
    runs = [find_run(visit, version.run_id) for version in chosen]
    return rendering.page(
        "compare.html",
        visit,
        model=model,
        chosen=chosen,
        runs=runs,
        pins=[manifests.find_pin(visit.actor, visit.registry, version) for version in chosen],
        only_differences=visit.one("only") == "differences",
        groups=[
            ("Metrics", _rows([_metrics(run) for run in runs])),
            ("Parameters", _rows([dict(run.params) if run else {} for run in runs])),
            ("Tags", _rows([dict(version.tags) for version in chosen])),
        ],
    )


def _numbers(given: Iterable[str]) -> list[int]:
    found = [names.check_version(text) for part in given for text in re.split(r"[,\s]+", part) if text]
    numbers = list(dict.fromkeys(found))
    if len(numbers) > COMPARED_AT_MOST:
        raise Invalid(
            f"At most {COMPARED_AT_MOST} versions can be compared at once, got {len(numbers)}. Leave some out."
        )
    return numbers


def _metrics(run: Run | None) -> dict[str, float]:
    return {metric.key: metric.value for metric in run.metrics} if run else {}


def _rows(columns: Sequence[Mapping[str, object]]) -> list[Row]:
    keys = sorted({key for column in columns for key in column})
    return [Row(key, [column.get(key) for column in columns]) for key in keys]
