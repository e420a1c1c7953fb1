"""Comparing a source with what is here: every record through the API, every file by its digest.

The registry is read as another source, so that both sides give the same records.
"""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

from modelkeep.domain.artifacts import join
from modelkeep.domain.errors import NotFound
from modelkeep.domain.imports import Experiment, LoggedModel, Model, Run, Series, Version
from modelkeep.domain.metrics import LARGEST
from modelkeep.importing import sources
from modelkeep.importing.bringing import Brought, Wanted
from modelkeep.importing.reports import Problem
from modelkeep.importing.rest import RestSource
from modelkeep.importing.sources import LOGGED_MODEL, RUN, VERSION, Place, Source, SourceFile

THREADS = 4
_SHOWN = 80
_ABSENT = "it is not here."


def compare(brought: Brought, wanted: Wanted) -> None:
    """Compare what was wanted of a source with what is here, and add every difference to the report."""
    differences: list[Problem] = []
    brought.report.differences = differences
    here = RestSource(brought.target)
    with ThreadPoolExecutor(THREADS, thread_name_prefix="modelkeep-verify") as threads:
        comparing = _Comparing(brought, here, threads, differences)
        if wanted.has_experiments:
            _compare_experiments(comparing, wanted)
        if wanted.has_models:
            _compare_models(comparing, wanted)


class _Comparing:
    """A comparison under way, with the digests of files that were read at the source."""

    def __init__(self, brought: Brought, here: RestSource, threads: ThreadPoolExecutor, differences: list[Problem]):
        self.brought = brought
        self.there = brought.source
        self.here = here
        self.threads = threads
        self.digests: dict[str, str] = {}
        self._differences = differences

    def differ(self, noun: str, id: str | None, message: str) -> None:
        """Add a difference."""
        self._differences.append(Problem(noun, id or "", message))

    def compare(self, noun: str, id: str | None, there: dict[str, Any], here: dict[str, Any] | None) -> None:
        """Add a difference for each fact that is not the same."""
        self.brought.report.compared[noun] += 1
        if here is None:
            self.differ(noun, id, _ABSENT)
            return
        for name, value in there.items():
            if value != here[name]:
                self.differ(noun, id, f"{name}: {_where(value, here[name])}")


def _where(there: Any, here: Any) -> str:
    if isinstance(there, dict) and isinstance(here, dict):
        keys = [key for key in sorted(there.keys() | here.keys()) if there.get(key) != here.get(key)]
        key = keys[0]
        more = f" (and {len(keys) - 1} more)" if len(keys) > 1 else ""
        return f"'{key}' is {_short(there.get(key))} there and {_short(here.get(key))} here{more}."
    return f"it is {_short(there)} there and {_short(here)} here."


def _short(value: Any) -> str:
    if value is None:
        return "nothing"
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


# Experiments and runs ---------------------------------------------------------------------------------------


def _compare_experiments(comparing: _Comparing, wanted: Wanted) -> None:
    brought = comparing.brought
    local = {cast(str, each.id): each for each in comparing.here.experiments()}
    chosen = [each for each in comparing.there.experiments() if wanted.chooses(wanted.experiments, each.name)]
    for experiment in chosen:
        found = local.get(brought.experiments.get(cast(str, experiment.id), ""))
        brought.tell(f"comparing experiment {experiment.name}")
        own = None if found is None else _facts_of_experiment(found, experiment)
        comparing.compare("experiments", experiment.id, _facts_of_experiment(experiment, experiment), own)
        if found is not None:
            _compare_runs(comparing, experiment, found)
    there = [cast(str, each.id) for each in chosen]
    ids = [brought.experiments[each] for each in there if each in brought.experiments]
    here = {each.id: each for page in comparing.here.logged_models(ids) for each in page}
    for page in comparing.there.logged_models([each for each in there if each in brought.experiments]):
        for model in page:
            found_model = here.get(model.id)
            own = None if found_model is None else _facts_of_logged_model(found_model)
            comparing.compare("logged_models", model.id, _facts_of_logged_model(model), own)
            if found_model is not None:
                _compare_files(
                    comparing, "logged_models",
                    Place(LOGGED_MODEL, cast(str, model.id), model.artifact_location or ""),
                    Place(LOGGED_MODEL, cast(str, model.id), found_model.artifact_location or ""),
                )  # fmt: skip


def _facts_of_experiment(experiment: Experiment, there: Experiment) -> dict[str, Any]:
    is_default = there.id == "0"  # which every registry has by itself
    tags = _pairs(experiment.tags)
    return {
        "name": experiment.name,
        "lifecycle_stage": experiment.lifecycle_stage,
        "creation_time": None if is_default else experiment.creation_time,
        "last_update_time": None if is_default else experiment.last_update_time,
        "tags": {key: value for key, value in tags.items() if not is_default or key in _pairs(there.tags)},
    }


def _pairs(given: Iterable[Any]) -> dict[str, str]:
    return {each.key: each.value or "" for each in given}


def _compare_runs(comparing: _Comparing, experiment: Experiment, found: Experiment) -> None:
    here = {cast(str, run.id): run for page in comparing.here.runs(cast(str, found.id)) for run in page}
    is_deleted = experiment.lifecycle_stage == "deleted"
    for page in comparing.there.runs(cast(str, experiment.id)):
        comparing.there.fill_histories(page)
        own = [here[run.id] for run in page if run.id in here]
        comparing.here.fill_histories(own)
        for run in page:
            local = here.get(cast(str, run.id))
            facts = None if local is None else _facts_of_run(local, is_deleted)
            comparing.compare("runs", run.id, _facts_of_run(run, is_deleted), facts)
            if local is not None:
                _compare_files(
                    comparing, "runs",
                    Place(RUN, cast(str, run.id), run.artifact_uri or ""),
                    Place(RUN, cast(str, run.id), local.artifact_uri or ""),
                )  # fmt: skip


def _facts_of_run(run: Run, is_experiment_deleted: bool) -> dict[str, Any]:
    return {
        "name": run.name,
        "user_id": run.user_id,
        "status": run.status,
        "start_time": run.start_time,
        "end_time": run.end_time,
        "lifecycle_stage": "deleted" if is_experiment_deleted else run.lifecycle_stage,
        "tags": _pairs(run.tags),
        "params": _pairs(run.params),
        "metrics": {series.key: _points(series) for series in run.metrics},
        "datasets": {
            f"{each.dataset.name} {each.dataset.digest}": (
                each.dataset.source_type, each.dataset.source, each.dataset.schema, each.dataset.profile,
                _pairs(each.tags),
            )
            for each in run.datasets
            if each.dataset is not None
        },
        "model_inputs": sorted(each.model_id or "" for each in run.model_inputs),
        "model_outputs": sorted((each.model_id or "", each.step or 0) for each in run.model_outputs),
    }  # fmt: skip


def _points(series: Series) -> list[tuple[Any, ...]]:
    """The points of a metric, each once. An infinity is the largest number, as MLflow's databases keep it too."""
    points = set()
    for at, step, value in zip(series.timestamps, series.steps, series.values, strict=True):
        shown: float | str = "NaN" if math.isnan(value) else min(max(value, -LARGEST), LARGEST)
        points.add((at, step, shown))
    return sorted(points, key=str)


def _facts_of_logged_model(model: LoggedModel) -> dict[str, Any]:
    measured = [
        (series.key, series.run_id, series.dataset_name, series.dataset_digest, *point)
        for series in model.metrics
        for point in _points(series)
    ]
    statuses = {"1": "LOGGED_MODEL_PENDING", "2": "LOGGED_MODEL_READY", "3": "LOGGED_MODEL_UPLOAD_FAILED"}
    return {
        "name": model.name,
        "model_type": model.model_type,
        "source_run_id": model.source_run_id,
        "status": statuses.get(model.status or "", model.status),
        "status_message": model.status_message,
        "creation_timestamp": model.creation_timestamp,
        "last_updated_timestamp": model.last_updated_timestamp,
        "tags": _pairs(model.tags),
        "params": _pairs(model.params),
        "metrics": sorted(set(measured), key=str),
    }


# Registered models ------------------------------------------------------------------------------------------


def _compare_models(comparing: _Comparing, wanted: Wanted) -> None:
    here = {model.name: model for model in comparing.here.models()}
    for model in comparing.there.models():
        if not wanted.chooses(wanted.models, model.name):
            continue
        comparing.brought.tell(f"comparing registered model {model.name}")
        found = here.get(model.name)
        comparing.compare(
            "models", model.name, _facts_of_model(model), None if found is None else _facts_of_model(found)
        )
        local = {version.number: version for version in (found.versions if found else ())}
        for version in model.versions:
            own = local.get(version.number)
            id = f"{model.name}/{version.number}"
            comparing.compare(
                "versions", id, _facts_of_version(version), None if own is None else _facts_of_version(own)
            )
            if own is not None:
                _compare_version_files(comparing, cast(str, model.name), version, own)
        numbers = {version.number for version in model.versions}
        for number in local:
            if number not in numbers:
                comparing.differ("versions", f"{model.name}/{number}", "it is here, and not there.")


def _facts_of_model(model: Model) -> dict[str, Any]:
    return {
        "description": model.description,
        "user_id": model.user_id,
        "creation_timestamp": model.creation_timestamp,
        "last_updated_timestamp": model.last_updated_timestamp,
        "tags": _pairs(model.tags),
        "aliases": {each.alias: each.version for each in model.aliases},
    }


def _facts_of_version(version: Version) -> dict[str, Any]:
    return {
        "current_stage": version.current_stage,
        "status": version.status,
        "status_message": version.status_message,
        "description": version.description,
        "user_id": version.user_id,
        "run_id": version.run_id,
        "run_link": version.run_link,
        "creation_timestamp": version.creation_timestamp,
        "last_updated_timestamp": version.last_updated_timestamp,
        "tags": _pairs(version.tags),
    }


def _compare_version_files(comparing: _Comparing, name: str, version: Version, own: Version) -> None:
    number, id = cast(int, version.number), f"{name}/{version.number}"
    there = comparing.there.download_uri(name, number, version.source or "")
    here = comparing.here.download_uri(name, number, own.source or "")
    if sources.scheme_of(there) in ("models", "runs") or own.source in ("prompt-template", "dummy-source"):
        return  # its files are those of the run or logged model, which were compared
    _compare_files(comparing, "versions", Place(VERSION, id, there), Place(VERSION, id, here))


# Files ------------------------------------------------------------------------------------------------------


def _compare_files(comparing: _Comparing, noun: str, there: Place, here: Place) -> None:
    if sources.is_elsewhere(there.uri):
        if here.uri != there.uri:
            comparing.differ(noun, there.id, f"files: they are at '{there.uri}' there, and at '{here.uri}' here.")
        return
    expected = {file.path: file for file in _listed(comparing.there, there)}
    found = {file.path: file for file in _listed(comparing.here, here)}
    for path in sorted(expected.keys() ^ found.keys()):
        where = "there, and not here" if path in expected else "here, and not there"
        comparing.differ(noun, there.id, f"files: '{path}' is {where}.")
    both = sorted(expected.keys() & found.keys())
    with tempfile.TemporaryDirectory(prefix="modelkeep-verify-") as folder:

        def digests(number: int, path: str) -> tuple[str, str]:
            temporary = Path(folder) / str(number)
            address = join(there.uri.rstrip("/"), path)
            known = comparing.digests.get(address)
            if known is None:
                known = comparing.digests[address] = _digest(comparing.there, there, expected[path], temporary)
            return known, _digest(comparing.here, here, found[path], temporary)

        for path, (digest, own) in zip(both, comparing.threads.map(digests, range(len(both)), both), strict=True):
            comparing.brought.report.compared["files"] += 1
            if digest != own:
                comparing.differ(noun, there.id, f"files: '{path}' has the SHA-256 {digest} there and {own} here.")


def _listed(source: Source, place: Place) -> Iterator[SourceFile]:
    try:
        yield from source.files(place)
    except NotFound:
        return


def _digest(source: Source, place: Place, file: SourceFile, temporary: Path) -> str:
    path = file.local
    if path is None:
        path = temporary
        try:
            source.fetch(place, file, temporary)
        except NotFound:
            return "missing"
    with path.open("rb", buffering=0) as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    temporary.unlink(missing_ok=True)
    return digest
