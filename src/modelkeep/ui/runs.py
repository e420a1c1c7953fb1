"""The page of one run."""

from __future__ import annotations

import time

from markupsafe import Markup

from modelkeep.domain.errors import Invalid, NotFound
from modelkeep.domain.logged_models import LoggedModel
from modelkeep.domain.runs import Run
from modelkeep.domain.versions import Version
from modelkeep.registry import experiments, logged_models, metrics, runs, versions
from modelkeep.ui import files, rendering, sparklines
from modelkeep.ui.filters import quoted
from modelkeep.ui.visits import Answer, Visit

VERSIONS_SHOWN = 50
LOGGED_MODELS_SHOWN = 50
# Of a run with very many metrics those past this time have no line.
DRAWING_SECONDS = 0.3
NOTE_TAG = "mlflow.note.content"


def show(visit: Visit) -> Answer:
    """Everything on one run."""
    run = runs.get(visit.actor, visit.registry, visit.parts["run_id"])
    experiment_id = visit.parts.get("experiment_id")
    if experiment_id not in (None, str(run.experiment_id)):
        raise NotFound(f"Run {run.id} is not in experiment {experiment_id} but in {run.experiment_id}.")
    facts = dict(run.tags)
    return rendering.page(
        "run.html",
        visit,
        run=run,
        experiment=experiments.get(visit.actor, visit.registry, run.experiment_id),
        facts=facts,
        note=facts.get(NOTE_TAG),
        lines=_lines(visit, run),
        tree=files.below(visit, run.artifact_uri, lambda path: visit.links.run_file(run.id, path)),
        registered=_registered(visit, run),
        logged=_logged(visit, run),
    )


def _lines(visit: Visit, run: Run) -> dict[str, Markup]:
    """The history of each metric as a line, as far as the time allows."""
    lines: dict[str, Markup] = {}
    deadline = time.monotonic() + DRAWING_SECONDS
    for metric in run.metrics:
        if time.monotonic() > deadline:
            break
        values = metrics.outline(visit.actor, visit.registry, run.id, metric.key, sparklines.POINTS)
        lines[metric.key] = sparklines.draw(values, f"history of {metric.key}")
    return lines


def _registered(visit: Visit, run: Run) -> list[Version]:
    condition = f"run_id = '{quoted(run.id)}'"
    return versions.search(visit.actor, visit.registry, condition, VERSIONS_SHOWN).items


def _logged(visit: Visit, run: Run) -> list[LoggedModel]:
    return logged_models.search(
        visit.actor,
        visit.registry,
        experiment_ids=[str(run.experiment_id)],
        filter=f"source_run_id = '{quoted(run.id)}'",
        max_results=LOGGED_MODELS_SHOWN,
    ).items


def find(visit: Visit, run_id: str | None) -> Run | None:
    """The run behind a version, None when it is not known here."""
    if not run_id:
        return None
    try:
        return runs.get(visit.actor, visit.registry, run_id)
    except (Invalid, NotFound):
        return None
