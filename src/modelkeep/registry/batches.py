"""Batches: much of what a run logs, in one request."""

from __future__ import annotations

from collections.abc import Sequence

from modelkeep.domain import actors, runs
from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Invalid
from modelkeep.domain.metrics import Given
from modelkeep.domain.metrics import check as check_metrics
from modelkeep.domain.params import Param
from modelkeep.domain.params import collect as collect_params
from modelkeep.domain.tags import Tag
from modelkeep.registry import metrics as metric_verbs
from modelkeep.registry import params as param_verbs
from modelkeep.registry import runs as run_verbs
from modelkeep.registry.changes import Change
from modelkeep.registry.handle import Registry
from modelkeep.storage import runs as run_rows

METRICS = 1000
PARAMS = 100
TAGS = 100
TOTAL = 1000


def log(
    actor: Actor,
    registry: Registry,
    run_id: str,
    metrics: list[Given] | None = None,
    params: list[Param] | None = None,
    tags: list[Tag] | None = None,
) -> None:
    """Log metrics, parameters and tags of a run: all of them or, on any error, none.

    At most 1,000 metrics, 100 parameters and 100 tags, and 1,000 in total. Of equal tag keys the last wins.

    Raises:
        Invalid: there are too many, one is not allowed, a parameter has another value, or the run is deleted.
        NotFound: there is no such run or logged model.
    """
    checked = runs.check_id_form(run_id)
    actors.require(actor, "write", f"run '{checked}'")
    _check_sizes(metrics or (), params or (), tags or ())
    points = check_metrics(metrics or ())
    collected_params = collect_params(params)
    collected_tags = runs.collect_tags(tags)
    with Change(actor, registry) as change:
        run_rows.get_active(change.tx, checked)
        if collected_params:
            param_verbs.insert(change.tx, checked, collected_params)
        if points:
            metric_verbs.insert(change.tx, checked, metrics or (), points)
        if collected_tags:
            run_verbs.set_tags(change.tx, checked, collected_tags)


def _check_sizes(metrics: Sequence[Given], params: Sequence[Param], tags: Sequence[Tag]) -> None:
    sizes = (
        ("metrics", METRICS, len(metrics)),
        ("params", PARAMS, len(params)),
        ("tags", TAGS, len(tags)),
        ("metrics, params, and tags", TOTAL, len(metrics) + len(params) + len(tags)),
    )
    for name, limit, size in sizes:
        if size > limit:
            raise Invalid(
                f"A batch logging request can contain at most {limit} {name}. Got {size} {name}. "
                f"Please split up {name} across multiple requests and try again."
            )
