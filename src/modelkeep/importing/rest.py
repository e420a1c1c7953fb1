"""A source that is asked over MLflow's REST API: MLflow's own server from 2.9 on, or one of ours."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from modelkeep.client.calls import Transport
from modelkeep.client.http import HttpTransport
from modelkeep.domain.artifacts import join, root_of
from modelkeep.domain.datasets import Dataset, DatasetInput, ModelInput, ModelOutput
from modelkeep.domain.errors import ModelkeepError, NotFound, PermissionDenied, Unauthenticated, Unavailable
from modelkeep.domain.imports import Alias, Experiment, LoggedModel, Model, Run, Series, Version
from modelkeep.domain.params import Param
from modelkeep.domain.tags import Tag
from modelkeep.importing.sources import LOGGED_MODEL, RUN, Place, SourceFile

PAGE = 200
# What MLflow's server answers at most of the points of one metric of several runs.
BULK_POINTS = 25_000
BULK_RUNS = 100
_PROMPTS = "tags.`mlflow.prompt.is_prompt` = 'true'"


class RestSource:
    """A registry behind a transport.

    Args:
        transport: to it; one of ours may be in process.
    """

    def __init__(self, transport: Transport):
        self.address = transport.address
        self.unreadable: list[str] = []
        self._runs_of: dict[str, str] = {}
        self._transport = transport

    def close(self) -> None:
        """See `Source`."""
        self._transport.close()

    def _pages(self, verb: str, field: str, arguments: dict[str, Any]) -> Iterator[list[Any]]:
        token: str | None = None
        while True:
            reply = self._transport.call(verb, arguments | {"page_token": token})
            found = getattr(reply, field)
            if found:
                yield found
            token = reply.next_page_token or None
            if token is None:
                return

    # Experiments and runs -----------------------------------------------------------------------------------

    def experiments(self) -> Iterator[Experiment]:
        """See `Source`."""
        for page in self._pages("experiments.search", "experiments", {"view_type": "ALL", "max_results": PAGE}):
            for shape in page:
                yield Experiment(
                    id=shape.experiment_id,
                    name=shape.name,
                    artifact_location=shape.artifact_location,
                    lifecycle_stage=shape.lifecycle_stage,
                    creation_time=shape.creation_time,
                    last_update_time=shape.last_update_time,
                    tags=_tags(shape.tags),
                )

    def runs(self, experiment_id: str) -> Iterator[list[Run]]:
        """See `Source`."""
        arguments = {"experiment_ids": [experiment_id], "run_view_type": "ALL", "max_results": PAGE}
        for page in self._pages("runs.search", "runs", arguments):
            yield [_run(shape) for shape in page]

    def fill_histories(self, runs: list[Run]) -> None:
        """See `Source`."""
        of_key: dict[str, list[Run]] = defaultdict(list)
        for run in runs:
            for series in run.metrics:
                of_key[series.key or ""].append(run)
            run.metrics = []
        for key, measured in of_key.items():
            for start in range(0, len(measured), BULK_RUNS):
                self._fill(key, measured[start : start + BULK_RUNS])

    def _fill(self, key: str, runs: list[Run]) -> None:
        by_id = {cast(str, run.id): Series(key) for run in runs}
        found = self._bulk(key, list(by_id)) if len(runs) > 1 else None
        if found is None or len(found) >= BULK_POINTS:
            found = [point for run_id in by_id for point in self._history(key, run_id)]
        for run_id, timestamp, step, value in found:
            series = by_id[run_id]
            series.timestamps.append(timestamp)
            series.steps.append(step)
            series.values.append(value)
        for run in runs:
            run.metrics.append(by_id[cast(str, run.id)])

    def _bulk(self, key: str, run_ids: list[str]) -> list[tuple[str, int, int, float]] | None:
        query = {"run_id": run_ids, "metric_key": key, "max_results": BULK_POINTS}
        if not isinstance(self._transport, HttpTransport):
            found = self._transport.call("metrics.histories", query).metrics
            return [(each.run_id, each.timestamp, each.step or 0, float(each.value)) for each in found]
        try:
            # MLflow has this call for its pages only, not below /api.
            body = self._transport.read("/ajax-api/2.0/mlflow/metrics/get-history-bulk", query)
            found = json.loads(body).get("metrics", [])
            return [
                (each["run_id"], int(each["timestamp"]), int(each.get("step", 0)), float(each["value"]))
                for each in found
            ]
        except (Unavailable, Unauthenticated, PermissionDenied):
            raise
        except (ModelkeepError, ValueError, KeyError, TypeError):
            return None

    def _history(self, key: str, run_id: str) -> Iterator[tuple[str, int, int, float]]:
        arguments = {"run_id": run_id, "metric_key": key}
        for page in self._pages("metrics.history", "metrics", arguments):
            for each in page:
                yield run_id, each.timestamp, each.step or 0, float(each.value)

    def logged_models(self, experiment_ids: list[str]) -> Iterator[list[LoggedModel]]:
        """See `Source`."""
        for start in range(0, len(experiment_ids), BULK_RUNS):
            arguments = {"experiment_ids": experiment_ids[start : start + BULK_RUNS], "max_results": 50}
            try:
                for page in self._pages("logged_models.search", "models", arguments):
                    yield [_logged_model(shape) for shape in page]
            except (Unavailable, Unauthenticated, PermissionDenied):
                raise
            except ModelkeepError:
                return  # servers before MLflow 3 have none

    # Registered models --------------------------------------------------------------------------------------

    def models(self) -> Iterator[Model]:
        """See `Source`."""
        versions: dict[str, list[Version]] = defaultdict(list)
        models: dict[str, Model] = {}
        # Since MLflow 2.21 prompts are found only by those who ask for them.
        for filter in (None, _PROMPTS):
            arguments = {"filter": filter, "max_results": PAGE}
            for page in self._pages("versions.search", "model_versions", arguments):
                for shape in page:
                    versions[shape.name].append(_version(shape))
                    if shape.run_id:
                        self._runs_of[f"{shape.name}/{shape.version}"] = shape.run_id
            for page in self._pages("models.search", "registered_models", arguments):
                models |= {shape.name: _model(shape) for shape in page}
        for name, model in models.items():
            found = {cast(int, version.number): version for version in versions[name]}
            model.versions = [found[number] for number in sorted(found)]
            yield model

    def download_uri(self, name: str, number: int, source: str) -> str:
        """See `Source`."""
        try:
            reply = self._transport.call("versions.download_location", {"name": name, "version": str(number)})
        except NotFound:
            return source
        return str(reply.artifact_uri or source)

    # Files --------------------------------------------------------------------------------------------------

    def files(self, place: Place) -> list[SourceFile]:
        """See `Source`."""
        try:
            return list(self._walk(place, ""))
        except (Unavailable, Unauthenticated, PermissionDenied):
            raise
        except ModelkeepError as error:
            raise NotFound(error.message) from None

    def _walk(self, place: Place, path: str) -> Iterator[SourceFile]:
        for shape in self._list(place, path):
            name = join(path, (shape.path or "").rstrip("/").rpartition("/")[2])
            if shape.is_dir:
                yield from self._walk(place, name)
            else:
                yield SourceFile(name, shape.file_size or 0, "")

    def _list(self, place: Place, path: str) -> list[Any]:
        if place.kind == RUN:
            return self._transport.call("artifacts.list_of_run", {"run_id": place.id, "path": path or None}).files
        if place.kind == LOGGED_MODEL:
            arguments = {"model_id": place.id, "artifact_directory_path": path or None}
            return self._transport.call("artifacts.list_of_logged_model", arguments).files
        root = root_of(place.uri)
        if root is not None:
            return self._transport.call("artifacts.list", {"path": join(root, path) or None}).files
        run_id, folder = self._in_run(place)
        return self._transport.call(
            "artifacts.list_of_run", {"run_id": run_id, "path": join(folder, path) or None}
        ).files

    def _in_run(self, place: Place) -> tuple[str, str]:
        """The run that a version's files belong to, and where in it they are: of a server that does not pass files on
        by their addresses.

        Raises:
            NotFound: they belong to none.
        """
        run_id = self._runs_of.get(place.id)
        if run_id is not None:
            root = (self._transport.call("runs.get", {"run_id": run_id}).run.info.artifact_uri or "").rstrip("/")
            if root and place.uri.startswith(f"{root}/"):
                return run_id, place.uri.removeprefix(f"{root}/").strip("/")
        raise NotFound(f"The server does not pass on the files at '{place.uri}'.")

    def fetch(self, place: Place, file: SourceFile, to: Path) -> None:
        """See `Source`."""
        with to.open("w+b") as opened:
            root = root_of(place.uri)
            if root is not None:
                self._transport.fetch(join(root, file.path), opened, _unseen)
                return
            # The server keeps them on a disk of its own, and gives them out by other calls.
            if not isinstance(self._transport, HttpTransport):
                raise NotFound(f"'{place.uri}' is not kept here.")
            if place.kind == LOGGED_MODEL:
                path = f"/ajax-api/2.0/mlflow/logged-models/{place.id}/artifacts/files"
                self._transport.read_into(path, {"artifact_file_path": file.path}, opened)
                return
            run_id, folder = (place.id, "") if place.kind == RUN else self._in_run(place)
            self._transport.read_into("/get-artifact", {"run_id": run_id, "path": join(folder, file.path)}, opened)

    def lacking(self, experiment_ids: list[str]) -> list[str]:
        """See `Source`."""
        if not isinstance(self._transport, HttpTransport) or not experiment_ids:
            return []
        query = {"experiment_ids": experiment_ids[:BULK_RUNS], "max_results": 1}
        try:
            has_traces = bool(json.loads(self._transport.read("/api/2.0/mlflow/traces", query)).get("traces"))
        except (ModelkeepError, ValueError, AttributeError):
            has_traces = False
        return ["It has traces, which are not brought."] if has_traces else []


def _unseen(count: int) -> None:
    pass


def _tags(shapes: Any) -> list[Tag]:
    return sorted((Tag(each.key or "", each.value or "") for each in shapes or ()), key=lambda tag: tag.key or "")


def _params(shapes: Any) -> list[Param]:
    return sorted((Param(each.key or "", each.value or "") for each in shapes or ()), key=lambda param: param.key or "")


def _run(shape: Any) -> Run:
    info, data, inputs, outputs = shape.info, shape.data, shape.inputs, shape.outputs
    tags = _tags(data and data.tags)
    named = next((tag.value for tag in tags if tag.key == "mlflow.runName"), None)
    return Run(
        id=info.run_id or info.run_uuid,
        experiment_id=info.experiment_id,
        name=info.run_name or named or "",
        user_id=info.user_id or None,
        status=info.status,
        start_time=info.start_time,
        end_time=info.end_time,
        lifecycle_stage=info.lifecycle_stage,
        artifact_uri=info.artifact_uri,
        tags=tags,
        params=_params(data and data.params),
        metrics=sorted(
            (
                Series(each.key, [each.timestamp or 0], [each.step or 0], [float(each.value or 0)])
                for each in (data.metrics if data else ())
            ),
            key=lambda series: series.key or "",
        ),
        datasets=[
            DatasetInput(
                Dataset(
                    each.dataset.name, each.dataset.digest, each.dataset.source_type, each.dataset.source,
                    each.dataset.schema, each.dataset.profile,
                ),
                _tags(each.tags),
            )
            for each in (inputs.dataset_inputs if inputs else ())
        ],
        model_inputs=[ModelInput(each.model_id) for each in (inputs.model_inputs if inputs else ())],
        model_outputs=[ModelOutput(each.model_id, each.step or 0) for each in (outputs.model_outputs if outputs else ())],
    )  # fmt: skip


def _logged_model(shape: Any) -> LoggedModel:
    info, data = shape.info, shape.data
    return LoggedModel(
        id=info.model_id,
        experiment_id=info.experiment_id,
        name=info.name,
        model_type=info.model_type or None,
        source_run_id=info.source_run_id or None,
        status=info.status,
        status_message=info.status_message or None,
        creation_timestamp=info.creation_timestamp_ms,
        last_updated_timestamp=info.last_updated_timestamp_ms,
        artifact_location=info.artifact_uri,
        tags=_tags(info.tags),
        params=_params(data and data.params),
        metrics=[
            Series(
                each.key, [each.timestamp or 0], [each.step or 0], [float(each.value or 0)],
                each.run_id or None, each.dataset_name or None, each.dataset_digest or None,
            )
            for each in (data.metrics if data else ())
        ],
    )  # fmt: skip


def _model(shape: Any) -> Model:
    return Model(
        name=shape.name,
        description=shape.description or None,
        user_id=shape.user_id or None,
        creation_timestamp=shape.creation_timestamp,
        last_updated_timestamp=shape.last_updated_timestamp,
        tags=_tags(shape.tags),
        aliases=sorted(
            (Alias(each.alias, int(each.version)) for each in shape.aliases), key=lambda alias: alias.alias or ""
        ),
    )


def _version(shape: Any) -> Version:
    source = shape.source or ""
    address = source.removeprefix("models:/")
    is_logged_model = address != source and "/" not in address and "@" not in address
    return Version(
        number=int(shape.version),
        source=source,
        run_id=shape.run_id or None,
        run_link=shape.run_link or None,
        logged_model_id=address if is_logged_model else None,
        current_stage=shape.current_stage or "None",
        status=shape.status,
        status_message=shape.status_message or None,
        description=shape.description or None,
        user_id=shape.user_id or None,
        creation_timestamp=shape.creation_timestamp,
        last_updated_timestamp=shape.last_updated_timestamp,
        tags=_tags(shape.tags),
    )
