"""The one table of every call, read by the server, the SDK, the tests and the documentation."""

from __future__ import annotations

from modelkeep.api import (
    artifacts,
    callers,
    datasets,
    events,
    evidence,
    experiments,
    imports,
    logged_models,
    manifests,
    metrics,
    models,
    runs,
    storage,
    tokens,
    uploads,
    versions,
)
from modelkeep.api.call import Call

CALLS: tuple[Call, ...] = (
    *models.CALLS,
    *versions.CALLS,
    *manifests.CALLS,
    *experiments.CALLS,
    *runs.CALLS,
    *metrics.CALLS,
    *datasets.CALLS,
    *logged_models.CALLS,
    *artifacts.CALLS,
    *uploads.CALLS,
    *evidence.CALLS,
    *events.CALLS,
    *storage.CALLS,
    *tokens.CALLS,
    *callers.CALLS,
    *imports.CALLS,
)
