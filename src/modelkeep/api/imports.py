"""Imports on the wire: `/api/2.0/modelkeep/imports/…`. The records are those of `modelkeep.domain.imports`."""

from __future__ import annotations

from modelkeep.api.call import Call, Int64, Reply, Request
from modelkeep.domain.imports import Experiment, Files, Known, LoggedModel, Model, Result, Run, Series


class KnownShape(Reply):
    """What was imported before: its id there and here, and its fingerprint; without one it is not complete."""

    id: str
    local_id: str
    fingerprint: str | None = None


class KnownReply(Reply):
    """`next_after` is the id to ask after next; missing when nothing came."""

    known: list[KnownShape] = []
    next_after: str | None = None


def _known_reply(found: list[Known]) -> KnownReply:
    shapes = [KnownShape(each.id, each.local_id, each.fingerprint) for each in found]
    return KnownReply(shapes, found[-1].id if found else None)


class ResultShape(Reply):
    """What became of a record: `imported`, `updated`, `unchanged`, `conflict` or `refused`; the message says why not,
    or what of it could not be kept."""

    id: str
    outcome: str
    local_id: str | None = None
    message: str | None = None


class ResultsReply(Reply):
    results: list[ResultShape] = []


def _results_reply(found: list[Result]) -> ResultsReply:
    return ResultsReply([ResultShape(each.id, each.outcome, each.local_id, each.message) for each in found])


class Page(Request):
    origin: str | None = None
    kind: str | None = None
    after: str | None = None
    limit: Int64 | None = None


class OfOrigin(Request):
    origin: str | None = None


class Experiments(OfOrigin):
    experiments: list[Experiment] | None = None


class Runs(OfOrigin):
    runs: list[Run] | None = None


class Metrics(OfOrigin):
    run_id: str | None = None
    metrics: list[Series] | None = None


class LoggedModels(OfOrigin):
    logged_models: list[LoggedModel] | None = None


class Models(OfOrigin):
    models: list[Model] | None = None


class FilesOf(OfOrigin):
    files: list[Files] | None = None


_IMPORT = "import"

CALLS = (
    Call(
        "GET", "modelkeep/imports/known", Page, "imports.known", "administer", _IMPORT,
        "What was imported from an origin before.", _known_reply, KnownReply, ("origin", "kind"),
    ),
    Call(
        "POST", "modelkeep/imports/experiments", Experiments, "imports.bring_experiments", "administer", _IMPORT,
        "Bring experiments from another registry.", _results_reply, ResultsReply, ("origin",), is_long=True,
    ),
    Call(
        "POST", "modelkeep/imports/runs", Runs, "run_imports.bring_runs", "administer", _IMPORT,
        "Bring runs with what they logged.", _results_reply, ResultsReply, ("origin",), is_long=True,
    ),
    Call(
        "POST", "modelkeep/imports/metrics", Metrics, "run_imports.bring_metrics", "administer", _IMPORT,
        "Bring further points of a run's metrics.", required=("origin", "run_id"), is_long=True,
    ),
    Call(
        "POST", "modelkeep/imports/logged-models", LoggedModels, "run_imports.bring_logged_models", "administer",
        _IMPORT, "Bring logged models.", _results_reply, ResultsReply, ("origin",), is_long=True,
    ),
    Call(
        "POST", "modelkeep/imports/models", Models, "imports.bring_models", "administer", _IMPORT,
        "Bring registered models with versions, stages and aliases.", _results_reply, ResultsReply, ("origin",),
        is_long=True,
    ),
    Call(
        "POST", "modelkeep/imports/files", FilesOf, "imports.files", "administer", _IMPORT,
        "Note that all files of runs or logged models are here.", required=("origin",), is_long=True,
    ),
)  # fmt: skip
