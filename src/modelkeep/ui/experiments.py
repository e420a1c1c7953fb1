"""The list of experiments, and the runs of one."""

from __future__ import annotations

from collections.abc import Iterable

from modelkeep.domain import lifecycle
from modelkeep.domain.errors import Invalid
from modelkeep.domain.experiments import Experiment
from modelkeep.domain.paging import Page
from modelkeep.domain.runs import Run
from modelkeep.registry import experiments, runs
from modelkeep.ui import filters, rendering
from modelkeep.ui.runs import NOTE_TAG
from modelkeep.ui.visits import Answer, Visit

PAGE_SIZE = 50
RUNS_ON_PAGE = 50
# A table wider than this cannot be read; the page of a run has everything.
COLUMNS_AT_MOST = 8


def index(visit: Visit) -> Answer:
    """Experiments. `q` holds plain words or a filter."""
    asked = visit.one("q")
    problem = None
    try:
        found = experiments.search(
            visit.actor,
            visit.registry,
            filter=filters.from_search(asked),
            max_results=PAGE_SIZE,
            page_token=visit.one("page"),
        )
    except Invalid as error:
        found, problem = Page[Experiment]([]), error.message
    return rendering.page(
        "experiments.html",
        visit,
        400 if problem else 200,
        found=found,
        asked=asked,
        is_first=visit.one("page") is None,
        problem=problem,
    )


def show(visit: Visit) -> Answer:
    """One experiment with its runs. `q` holds a filter over them, `deleted=yes` shows the deleted ones."""
    experiment = experiments.get(visit.actor, visit.registry, visit.parts["experiment_id"])
    asked, deleted = visit.one("q"), visit.one("deleted") == "yes"
    problem = None
    try:
        found = runs.search(
            visit.actor,
            visit.registry,
            experiment_ids=[str(experiment.id)],
            filter=filters.from_search(asked, "run_name"),
            run_view_type=lifecycle.DELETED_ONLY if deleted else lifecycle.ACTIVE_ONLY,
            max_results=RUNS_ON_PAGE,
            page_token=visit.one("page"),
        )
    except Invalid as error:
        found, problem = Page[Run]([]), error.message
    return rendering.page(
        "experiment.html",
        visit,
        400 if problem else 200,
        experiment=experiment,
        note=dict(experiment.tags).get(NOTE_TAG),
        found=found,
        metric_keys=_commonest([metric.key for metric in run.metrics] for run in found.items),
        param_keys=_commonest([key for key, _ in run.params] for run in found.items),
        asked=asked,
        deleted=deleted,
        is_first=visit.one("page") is None,
        problem=problem,
    )


def _commonest(keys_of_each: Iterable[list[str]]) -> list[str]:
    """The keys that most rows have, by name."""
    counts: dict[str, int] = {}
    for keys in keys_of_each:
        for key in keys:
            counts[key] = counts.get(key, 0) + 1
    return sorted(sorted(counts, key=lambda key: (-counts[key], key))[:COLUMNS_AT_MOST])
