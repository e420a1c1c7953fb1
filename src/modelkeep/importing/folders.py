"""A source that is MLflow's file store: the folder `mlruns`, as MLflow from 1.x to 3.x writes it."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from modelkeep.domain.datasets import Dataset, DatasetInput, ModelInput, ModelOutput
from modelkeep.domain.errors import Invalid, NotFound
from modelkeep.domain.imports import Alias, Experiment, LoggedModel, Model, Run, Series, Version
from modelkeep.domain.params import Param
from modelkeep.domain.tags import Tag
from modelkeep.importing.disks import Disk
from modelkeep.importing.sources import RUN, Place, SourceFile

META = "meta.yaml"
PAGE = 200
# The stage that MLflow gives a version which was deleted.
DELETED_STAGE = "Deleted_Internal"
_STATUSES = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class FolderSource:
    """A folder `mlruns` on this machine. Nothing in it is changed.

    Args:
        artifacts: the folder that is behind `mlflow-artifacts:/` addresses, if there are any.
    """

    def __init__(self, folder: Path, artifacts: Path | None):
        self.address = str(folder)
        self._folder = folder
        self._disk = Disk(folder.parent, artifacts)
        self._places: dict[str, Path] = {}
        self._locations: dict[tuple[str, int], str] = {}
        self._unreadable: list[str] = []
        for experiment in self.experiments():
            self._disk.learn(experiment.artifact_location, self._places[experiment.id or ""].parent)
        self._unreadable.clear()  # they are read again

    def close(self) -> None:
        """See `Source`."""

    def _meta(self, folder: Path) -> dict[str, Any] | None:
        """What a folder's meta.yaml says; None, and a note, when there is none that can be read."""
        try:
            with (folder / META).open(encoding="utf-8") as file:
                meta = yaml.load(file, Loader=_LOADER)
        except FileNotFoundError:
            return None
        except (OSError, yaml.YAMLError, UnicodeDecodeError):
            meta = None
        if not isinstance(meta, dict):
            self._unreadable.append(str(folder / META))
            return None
        return meta

    # Experiments and runs -----------------------------------------------------------------------------------

    def experiments(self) -> Iterator[Experiment]:
        """See `Source`."""
        for folder in (*_folders(self._folder), *_folders(self._folder / ".trash")):
            meta = self._meta(folder) if folder.name != "models" else None
            if meta is None or "experiment_id" not in meta:
                continue
            experiment_id = str(meta["experiment_id"])
            self._places[experiment_id] = folder
            yield Experiment(
                id=experiment_id,
                name=_text(meta.get("name")) or experiment_id,
                artifact_location=_text(meta.get("artifact_location")),
                lifecycle_stage="deleted" if folder.parent != self._folder else _text(meta.get("lifecycle_stage")),
                creation_time=meta.get("creation_time"),
                last_update_time=meta.get("last_update_time"),
                tags=_tags(folder),
            )

    def runs(self, experiment_id: str) -> Iterator[list[Run]]:
        """See `Source`. Runs come with every point: the newest cannot be told without reading all."""
        page: list[Run] = []
        for folder in _folders(self._places[experiment_id]):
            meta = self._meta(folder)
            if meta is None or "run_id" not in meta:
                continue
            page.append(self._run(folder, meta, experiment_id))
            if len(page) == PAGE:
                yield page
                page = []
        if page:
            yield page

    def _run(self, folder: Path, meta: dict[str, Any], experiment_id: str) -> Run:
        run_id = str(meta["run_id"])
        tags = _tags(folder)
        named = next((tag.value for tag in tags if tag.key == "mlflow.runName"), None)
        status = meta.get("status")
        return Run(
            id=run_id,
            experiment_id=experiment_id,
            name=_text(meta.get("run_name")) or _text(meta.get("name")) or named or "",
            user_id=_text(meta.get("user_id")),
            status=_STATUSES.get(status, "FINISHED") if isinstance(status, int) else _text(status),
            start_time=meta.get("start_time"),
            end_time=meta.get("end_time"),
            lifecycle_stage=_text(meta.get("lifecycle_stage")),
            deleted_time=meta.get("deleted_time"),
            artifact_uri=_text(meta.get("artifact_uri")) or str(folder / "artifacts"),
            tags=tags,
            params=[Param(key, _read(path)) for key, path in _entries(folder / "params")],
            metrics=[self._series(key, path) for key, path in _entries(folder / "metrics")],
            datasets=self._inputs(folder),
            model_inputs=[ModelInput(id) for id, _ in self._models_of(folder / "inputs", "MODEL_INPUT")],
            model_outputs=[ModelOutput(id, step) for id, step in self._models_of(folder / "outputs", None)],
        )

    def _series(self, key: str, path: Path) -> Series:
        series = Series(key)
        for line in _read(path).splitlines():
            parts = line.split(" ")
            try:
                at, value, step = int(parts[0]), float(parts[1]), int(parts[2]) if len(parts) > 2 else 0
            except (ValueError, IndexError):
                self._unreadable.append(f"{path}, the line '{line[:60]}'")
                continue
            series.timestamps.append(at)
            series.values.append(value)
            series.steps.append(step)
        return series

    def _inputs(self, folder: Path) -> list[DatasetInput]:
        found = []
        for each in _folders(folder / "inputs"):
            meta = self._meta(each)
            if meta is None or meta.get("source_type") != "DATASET":
                continue
            dataset = self._meta(folder.parent / "datasets" / str(meta.get("source_id")))
            if dataset is None:
                self._unreadable.append(f"{each}, whose data set is gone")
                continue
            tags = [Tag(str(key), _text(value)) for key, value in sorted((meta.get("tags") or {}).items())]
            fields = ("name", "digest", "source_type", "source", "schema", "profile")
            found.append(DatasetInput(Dataset(*(_text(dataset.get(field)) for field in fields)), tags))
        return found

    def _models_of(self, folder: Path, kind: str | None) -> Iterator[tuple[str, int]]:
        for each in _folders(folder):
            meta = self._meta(each)
            if meta is None or (
                kind is not None and kind not in (meta.get("destination_type"), meta.get("source_type"))
            ):
                continue
            if kind is None:
                # MLflow 3 names the model by the folder; which field has it differs between its releases.
                yield each.name, meta.get("step") or 0
            elif meta.get("destination_type") == kind:
                yield str(meta.get("destination_id")), 0

    def fill_histories(self, runs: list[Run]) -> None:
        """See `Source`."""

    def logged_models(self, experiment_ids: list[str]) -> Iterator[list[LoggedModel]]:
        """See `Source`."""
        for experiment_id in experiment_ids:
            page = []
            for folder in _folders(self._places[experiment_id] / "models"):
                meta = self._meta(folder)
                if meta is None or "model_id" not in meta or meta.get("lifecycle_stage") == "deleted":
                    continue
                model_id = str(meta["model_id"])
                page.append(
                    LoggedModel(
                        id=model_id,
                        experiment_id=experiment_id,
                        name=_text(meta.get("name")),
                        model_type=_text(meta.get("model_type")),
                        source_run_id=_text(meta.get("source_run_id")),
                        status=str(meta.get("status") or "LOGGED_MODEL_READY"),
                        status_message=_text(meta.get("status_message")),
                        creation_timestamp=meta.get("creation_timestamp"),
                        last_updated_timestamp=meta.get("last_updated_timestamp"),
                        artifact_location=_text(meta.get("artifact_location")) or str(folder / "artifacts"),
                        tags=_tags(folder),
                        params=[Param(key, _read(path)) for key, path in _entries(folder / "params")],
                        metrics=[
                            series for key, path in _entries(folder / "metrics") for series in self._measured(key, path)
                        ],
                    )
                )
            if page:
                yield page

    def _measured(self, key: str, path: Path) -> Iterator[Series]:
        for line in _read(path).splitlines():
            parts = line.split(" ")
            try:
                at, value, step = int(parts[0]), float(parts[1]), int(parts[2])
                run_id, *dataset = parts[3:]
            except (ValueError, IndexError):
                self._unreadable.append(f"{path}, the line '{line[:60]}'")
                continue
            # A data set's name may have spaces in it, its digest has none.
            name = " ".join(dataset[:-1]) or None
            yield Series(key, [at], [step], [value], run_id, name, dataset[-1] if dataset else None)

    # Registered models --------------------------------------------------------------------------------------

    def models(self) -> Iterator[Model]:
        """See `Source`."""
        for folder in _folders(self._folder / "models"):
            meta = self._meta(folder)
            if meta is None or "name" not in meta:
                continue
            name = str(meta["name"])
            model = Model(
                name=name,
                description=_text(meta.get("description")),
                creation_timestamp=meta.get("creation_timestamp"),
                last_updated_timestamp=meta.get("last_updated_timestamp"),
                tags=_tags(folder),
                aliases=[Alias(alias, int(_read(path))) for alias, path in _entries(folder / "aliases")],
            )
            found = [self._version(name, each) for each in _folders(folder) if each.name.startswith("version-")]
            model.versions = sorted((each for each in found if each is not None), key=lambda each: each.number or 0)
            yield model

    def _version(self, name: str, folder: Path) -> Version | None:
        meta = self._meta(folder)
        if meta is None or meta.get("current_stage") == DELETED_STAGE:
            return None
        source, number = _text(meta.get("source")) or "", int(meta.get("version") or folder.name.partition("-")[2])
        self._locations[name, number] = _text(meta.get("storage_location")) or source
        return Version(
            number=number,
            source=source,
            run_id=_text(meta.get("run_id")),
            run_link=_text(meta.get("run_link")),
            logged_model_id=_text(meta.get("model_id")),
            current_stage=_text(meta.get("current_stage")) or "None",
            status=_text(meta.get("status")),
            status_message=_text(meta.get("status_message")),
            description=_text(meta.get("description")),
            user_id=_text(meta.get("user_id")),
            creation_timestamp=meta.get("creation_timestamp"),
            last_updated_timestamp=meta.get("last_updated_timestamp"),
            tags=_tags(folder),
        )

    def download_uri(self, name: str, number: int, source: str) -> str:
        """See `Source`."""
        return self._locations.get((name, number), source)

    # Files --------------------------------------------------------------------------------------------------

    def files(self, place: Place) -> list[SourceFile]:
        """See `Source`."""
        if place.kind == RUN and not self._disk.path(place.uri).exists():
            return []  # a run that logged no file
        return self._disk.files(place.uri)

    def fetch(self, place: Place, file: SourceFile, to: Path) -> None:
        """See `Source`."""
        raise NotFound(f"'{file.path}' is not on this machine.")

    def lacking(self, experiment_ids: list[str]) -> list[str]:
        """See `Source`."""
        found = [f"'{path}' could not be read, and was left out." for path in self._unreadable]
        if any((self._places[each] / "traces").is_dir() for each in experiment_ids):
            found.append("It has traces, which are not brought.")
        return found


def is_file_store(folder: Path) -> bool:
    """Whether a folder is MLflow's file store."""
    return (folder / ".trash").is_dir() or any(
        (each / META).is_file() for parent in (folder, folder / "models") for each in _folders(parent)
    )


def check_file_store(folder: Path) -> Path:
    """Return the file store that a folder is or has in it, as `mlruns`.

    Raises:
        Invalid: neither.
    """
    for each in (folder, folder / "mlruns"):
        if each.is_dir() and is_file_store(each):
            return each
    raise Invalid(
        f"'{folder}' is not MLflow's folder 'mlruns': there is no experiment and no registered model in it. Give that "
        "folder, a database file, or the address of a server."
    )


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _entries(folder: Path) -> list[tuple[str, Path]]:
    """The files in a folder with their keys, which may have slashes."""
    found = []
    for name, _, files in os.walk(folder):
        found += [((Path(name) / file).relative_to(folder).as_posix(), Path(name) / file) for file in files]
    return sorted(found)


def _read(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace")


def _tags(folder: Path) -> list[Tag]:
    return [Tag(key, _read(path)) for key, path in _entries(folder / "tags")]


def _text(value: Any) -> str | None:
    """A value of a YAML file as text; what is empty is missing."""
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    return str(value)
