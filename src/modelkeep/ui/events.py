"""The activity: every change to the registry, newest first."""

from __future__ import annotations

from modelkeep.domain.errors import Invalid
from modelkeep.domain.events import KINDS
from modelkeep.registry import events
from modelkeep.registry.events import Subjects
from modelkeep.ui import rendering
from modelkeep.ui.visits import Answer, Visit

PAGE_SIZE = 50
NOUNS = tuple(dict.fromkeys(kind.partition(".")[0] for kind in KINDS))


def index(visit: Visit) -> Answer:
    """Events, narrowed down by `model`, `actor` and `kind`; `before` is the position that the page starts below."""
    model, actor, kind = visit.one("model"), visit.one("actor"), visit.one("kind")
    problem = None
    try:
        found = events.recent(
            visit.actor,
            visit.registry,
            before=visit.position("before"),
            limit=PAGE_SIZE,
            model=model,
            actor_name=actor,
            kinds=[kind] if kind else None,
        )
    except Invalid as error:
        found, problem = [], error.message
    return rendering.page(
        "activity.html",
        visit,
        400 if problem else 200,
        found=found,
        subjects=events.subjects(visit.actor, visit.registry, found) if found else Subjects({}, set()),
        model=model,
        actor_name=actor,
        kind=kind,
        kinds=sorted(KINDS),
        nouns=NOUNS,
        is_first=visit.one("before") is None,
        has_more=len(found) == PAGE_SIZE,
        problem=problem,
    )
