"""What a source of an import is: one file beside this one for each kind. All yield the records of `domain.imports`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import msgspec

from modelkeep.domain.imports import Experiment, LoggedModel, Model, Run

RUN = "run"
LOGGED_MODEL = "logged_model"
VERSION = "version"
# Addresses of stores whose files stay where they are: only the address is brought.
ELSEWHERE = frozenset(
    {"s3", "gs", "wasb", "wasbs", "abfs", "abfss", "azureml", "dbfs", "hdfs", "viewfs", "r2", "b2", "oss"}
)


@dataclass(frozen=True, slots=True)
class Place:
    """A folder of files at the source: `kind` and `id` say whose, `uri` is its address there.

    The id of a version is `name/number`.
    """

    kind: str
    id: str
    uri: str


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of a place. `stamp` changes when the file does, as far as the source can tell.

    `local` is where it is on this machine; None when it has to be fetched.
    """

    path: str
    size: int
    stamp: str
    local: Path | None = None


class Source(Protocol):
    """A registry to import from.

    Attributes:
        address: as a person would write it.
    """

    address: str

    def experiments(self) -> Iterator[Experiment]:
        """Every experiment, the deleted ones too. `artifact_location` is the source's, whatever it is."""

    def runs(self, experiment_id: str) -> Iterator[list[Run]]:
        """Pages of the runs of an experiment, the deleted ones too, with at least the newest point of each metric.

        `artifact_uri` is the source's, whatever it is.
        """

    def fill_histories(self, runs: list[Run]) -> None:
        """Give runs every point of their metrics."""

    def logged_models(self, experiment_ids: list[str]) -> Iterator[list[LoggedModel]]:
        """Pages of the logged models of experiments. `artifact_location` is the source's, whatever it is."""

    def models(self) -> Iterator[Model]:
        """Every registered model and prompt with its versions, whose `source` is the source's, whatever it is."""

    def download_uri(self, name: str, number: int, source: str) -> str:
        """Where the files of a version are there."""

    def files(self, place: Place) -> list[SourceFile]:
        """The files of a place.

        Raises:
            NotFound: the place is gone, or cannot be read from here.
        """

    def fetch(self, place: Place, file: SourceFile, to: Path) -> None:
        """Write a file that is not on this machine to a path.

        Raises:
            NotFound: it is gone.
        """

    def lacking(self, experiment_ids: list[str]) -> list[str]:
        """Sentences about what it has that is not brought."""

    def close(self) -> None:
        """Let go of it."""


def scheme_of(uri: str) -> str:
    """The scheme of an address, in small letters; `file` for a path of a disk."""
    head, colon, _ = uri.partition(":")
    return head.lower() if colon and len(head) > 1 and head.replace("+", "").replace("-", "").isalnum() else "file"


def is_elsewhere(uri: str | None) -> bool:
    """Whether files stay where they are: in an object store."""
    return uri is not None and scheme_of(uri) in ELSEWHERE


def fingerprint(record: Any) -> str:
    """What tells whether a record has changed at the source, as short text."""
    return hashlib.sha256(msgspec.json.encode(record, order="deterministic")).hexdigest()[:32]


def fingerprint_of_model(model: Model) -> str:
    """`fingerprint` of a model without its versions, which have their own."""
    return fingerprint(replace(model, versions=[]))


def fingerprint_of_files(files: list[SourceFile]) -> str:
    """`fingerprint` of the files of a place."""
    return fingerprint(sorted((file.path, file.size, file.stamp) for file in files))
