"""The list of registered models, and the page of one."""

from __future__ import annotations

from modelkeep.domain.errors import Invalid
from modelkeep.domain.models import Model
from modelkeep.domain.paging import Page
from modelkeep.registry import events, history, models, policies, versions
from modelkeep.registry import stages as stage_verbs
from modelkeep.ui import filters, rendering
from modelkeep.ui.runs import find as find_run
from modelkeep.ui.visits import Answer, Visit

PAGE_SIZE = 25
EVENTS_BESIDE = 12
# What happened to models; runs would crowd it out.
KINDS_BESIDE = ["model", "version", "stage", "alias", "promotion", "override", "policy"]
EVENTS_OF_MODEL = 20
ORDERS = {"updated": "last_updated_timestamp DESC", "name": "name ASC"}


def index(visit: Visit) -> Answer:
    """Registered models, with recent activity beside them. `q` holds plain words or a filter."""
    asked, order = visit.one("q"), visit.one("sort") or "updated"
    problem = None
    try:
        if order not in ORDERS:
            raise Invalid(f"Parameter 'sort' must be one of {', '.join(ORDERS)}, got {order[:80]!r}.")
        found = models.search(
            visit.actor, visit.registry, filters.from_search(asked), PAGE_SIZE, [ORDERS[order]], visit.one("page")
        )
    except Invalid as error:
        found, problem = Page[Model]([]), error.message
    recent = events.recent(visit.actor, visit.registry, limit=EVENTS_BESIDE, kinds=KINDS_BESIDE)
    return rendering.page(
        "models.html",
        visit,
        400 if problem else 200,
        found=found,
        asked=asked,
        order=order,
        is_first=visit.one("page") is None,
        problem=problem,
        recent=recent,
        subjects=events.subjects(visit.actor, visit.registry, recent),
    )


def show(visit: Visit) -> Answer:
    """One registered model: its description, versions and history. `stage` narrows the versions down."""
    model = models.get(visit.actor, visit.registry, visit.parts["name"])
    stage = visit.one("stage")
    stages = stage_verbs.get(visit.actor, visit.registry)
    condition = f"name = '{filters.quoted(model.name)}'"
    if stage is not None:
        stage = stages.canonical(stage)
        condition += f" AND current_stage = '{stage}'"
    found = versions.search(
        visit.actor, visit.registry, condition, PAGE_SIZE, ["version_number DESC"], visit.one("page")
    )
    recent = events.recent_of_model(visit.actor, visit.registry, model.id, EVENTS_OF_MODEL)
    standing = policies.standing(visit.actor, visit.registry, model.name)
    return rendering.page(
        "model.html",
        visit,
        model=model,
        found=found,
        stage=stage,
        stages=reversed(stages.names),
        overrides=history.open_overrides(visit.actor, visit.registry, model.name),
        standing=standing,
        guarded=policies.guarding(visit.actor, visit.registry, model.name),
        runs={version.run_id: find_run(visit, version.run_id) for version in found.items},
        is_first=visit.one("page") is None,
        recent=recent,
        subjects=events.subjects(visit.actor, visit.registry, recent),
    )
