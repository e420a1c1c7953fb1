"""The page of one logged model."""

from __future__ import annotations

from modelkeep.domain.errors import Invalid, NotFound
from modelkeep.domain.logged_models import LoggedModel
from modelkeep.registry import experiments, logged_models, versions
from modelkeep.ui import files, rendering, runs
from modelkeep.ui.filters import quoted
from modelkeep.ui.visits import Answer, Visit

VERSIONS_SHOWN = 50


def show(visit: Visit) -> Answer:
    """Everything on one logged model, deleted or not."""
    logged = logged_models.get(visit.actor, visit.registry, visit.parts["model_id"], allow_deleted=True)
    experiment_id = visit.parts.get("experiment_id")
    if experiment_id not in (None, str(logged.experiment_id)):
        raise NotFound(f"Logged model {logged.id} is not in experiment {experiment_id} but in {logged.experiment_id}.")
    condition = f"source_path = 'models:/{quoted(logged.id)}'"
    return rendering.page(
        "logged_model.html",
        visit,
        logged=logged,
        experiment=experiments.get(visit.actor, visit.registry, logged.experiment_id),
        run=runs.find(visit, logged.source_run_id),
        registered=versions.search(visit.actor, visit.registry, condition, VERSIONS_SHOWN).items,
        tree=files.below(visit, logged.artifact_location, lambda path: visit.links.logged_model_file(logged.id, path)),
    )


def find(visit: Visit, logged_model_id: str | None) -> LoggedModel | None:
    """The logged model behind a version, None when it is not known here."""
    if not logged_model_id:
        return None
    try:
        return logged_models.get(visit.actor, visit.registry, logged_model_id, allow_deleted=True)
    except (Invalid, NotFound):
        return None
