"""The registry, experiment and runs that the fluent functions are about when they are not told.

The registry and the experiment are those of the process; each thread has its own stack of runs.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from modelkeep.client import connections, contexts, environment
from modelkeep.client.client import Client
from modelkeep.client.entities import Experiment, Run
from modelkeep.client.runs import PARENT_TAG
from modelkeep.domain.errors import AlreadyExists, Invalid, ModelkeepError, NotFound

_NOTE_TAG = "mlflow.note.content"
_DEFAULT_EXPERIMENT = "0"

_clients: dict[str, Client] = {}
# The id of the chosen experiment, with the registry it belongs to.
_experiment: tuple[str, str] | None = None
_resumed = False
_last_run: tuple[Client, str] | None = None
_running: dict[str, Client] = {}
_lock = threading.Lock()


class _Thread(threading.local):
    def __init__(self) -> None:
        self.runs: list[ActiveRun] = []


class ActiveRun(Run, frozen=True):
    """A run that ends with its `with` block: FINISHED, or FAILED when the block raises."""

    def __enter__(self) -> ActiveRun:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        runs = _thread.runs
        if any(each.info.run_id == self.info.run_id for each in runs):
            # Runs that were started inside and left open end with it.
            while runs[-1].info.run_id != self.info.run_id:
                end_run("FINISHED" if kind is None else "FAILED")
            end_run("FINISHED" if kind is None else "FAILED")


_thread = _Thread()


# The registry -----------------------------------------------------------------------------------------------


def set_tracking_uri(uri: str | Path) -> None:
    """Use another registry from now on: `http(s)://…`, a folder, or `sqlite:///` of one."""
    connections.choose(uri)


def get_tracking_uri() -> str:
    """The address of the registry that is used."""
    return connections.current_uri()


set_registry_uri = set_tracking_uri
get_registry_uri = get_tracking_uri


def client() -> Client:
    """A client of the registry that is used; the same one for the same address."""
    uri = connections.current_uri()
    found = _clients.get(uri)
    if found is None:
        # Kept: a folder that is named relatively stays the one it was at first.
        found = _clients[uri] = Client(uri)
    return found


# The experiment ---------------------------------------------------------------------------------------------


def set_experiment(experiment_name: str | None = None, experiment_id: str | None = None) -> Experiment:
    """Log to this experiment from now on; one that is named and does not exist is created.

    Raises:
        Invalid: both or neither are given, or the experiment is deleted.
        NotFound: there is no experiment of this id.
    """
    global _experiment
    if (experiment_name is None) == (experiment_id is None):
        raise Invalid("Must specify exactly one of: `experiment_id` or `experiment_name`.")
    using = client()
    found = using.get_experiment(experiment_id) if experiment_id is not None else _get_or_create(using, experiment_name)
    if found.lifecycle_stage != "active":
        raise Invalid(
            f"Cannot set a deleted experiment '{found.name}' as the active experiment. Restore it with "
            "restore_experiment(), or choose another name."
        )
    _experiment = (using.tracking_uri, found.experiment_id)
    return found


def _get_or_create(using: Client, name: str | None) -> Experiment:
    assert name is not None
    found = using.get_experiment_by_name(name)
    if found is None:
        # When somebody else creates it at the same time, theirs is as good.
        with contextlib.suppress(AlreadyExists):
            using.create_experiment(name)
        found = using.get_experiment_by_name(name)
    if found is None:
        raise NotFound(f"Could not find experiment with name '{name}'")
    return found


def experiment_id() -> str:
    """The experiment to log to: the chosen one, else that of the environment, else the default one."""
    using = client()
    if _experiment is not None and _experiment[0] == using.tracking_uri:
        return _experiment[1]
    name, given = environment.experiment()
    if name:
        return set_experiment(name).experiment_id
    return given or _DEFAULT_EXPERIMENT


# Runs -------------------------------------------------------------------------------------------------------


def start_run(
    run_id: str | None = None,
    experiment_id: str | None = None,
    run_name: str | None = None,
    nested: bool = False,
    parent_run_id: str | None = None,
    tags: dict[str, Any] | None = None,
    description: str | None = None,
    log_system_metrics: bool | None = None,
) -> ActiveRun:
    """Start a run, or go on with one, and make it this thread's active one.

    Args:
        run_id: of a run to go on with.
        nested: start it inside the active run, whose child it becomes.
        parent_run_id: of another run to nest it in.
        description: kept as the tag `mlflow.note.content`.
        log_system_metrics: accepted for MLflow's sake; nothing is measured.
    Raises:
        Invalid: a run is active and `nested` is not set, or the run to go on with is deleted.
        NotFound: there is no such run or experiment.
    """
    runs = _thread.runs
    if runs and not nested:
        raise Invalid(
            f"Run with UUID {runs[-1].info.run_id} is already active. To start a new run, first end the current run with "
            "end_run(). To start a nested run, call start_run with nested=True."
        )
    using = client()
    given = dict(tags or {})
    if description is not None:
        if given.get(_NOTE_TAG, description) != description:
            raise Invalid(f"Description is already set via the tag {_NOTE_TAG} in tags. Give it once.")
        given[_NOTE_TAG] = description
    known = run_id or _run_of_environment()
    parent = parent_run_id or (runs[-1].info.run_id if runs else None)
    run = _go_on(using, known, given) if known else _create(using, experiment_id, run_name, parent, given)
    active = ActiveRun(run.info, run.data, run.inputs, run.outputs)
    with _lock:
        _running[run.info.run_id] = using
    runs.append(active)
    return active


def _run_of_environment() -> str | None:
    """The run that whoever started this program began for it, at the first call only."""
    global _resumed
    if _resumed:
        return None
    _resumed = True
    return environment.run_id()


def _go_on(using: Client, run_id: str, tags: dict[str, Any]) -> Run:
    found = using.get_run(run_id)
    if found.info.lifecycle_stage == "deleted":
        raise Invalid(f"Cannot start run with ID {run_id} because it is in the deleted state. Restore it first.")
    using.update_run(run_id, "RUNNING")
    for key, value in tags.items():
        using.set_tag(run_id, key, value)
    return using.get_run(run_id)


def _create(
    using: Client, experiment: str | None, run_name: str | None, parent: str | None, tags: dict[str, Any]
) -> Run:
    if parent is not None:
        tags[PARENT_TAG] = parent
    return using.create_run(experiment or experiment_id(), tags=contexts.tags() | tags, run_name=run_name)


def end_run(status: str = "FINISHED") -> None:
    """End this thread's active run; nothing when there is none."""
    global _last_run
    if not _thread.runs:
        return
    run_id = _thread.runs.pop().info.run_id
    with _lock:
        using = _running.pop(run_id, None) or client()
    _last_run = (using, run_id)
    using.set_terminated(run_id, status)


def active_run() -> ActiveRun | None:
    """This thread's active run, as it was when it was started, or None."""
    return _thread.runs[-1] if _thread.runs else None


def last_active_run() -> Run | None:
    """The active run, or else the one that ended last, with what it has logged by now; None when there was none."""
    if _thread.runs:
        return run_client().get_run(_thread.runs[-1].info.run_id)
    return None if _last_run is None else _last_run[0].get_run(_last_run[1])


def run_client() -> Client:
    """The client of the registry that the active run is in, which stays there when another registry is chosen."""
    return _running.get(current_run_id()) or client()


def current_run_id() -> str:
    """The active run's id; without one a run is started, as in MLflow."""
    return (active_run() or start_run()).info.run_id


@atexit.register
def _end_all() -> None:
    """End what a program left running: as FAILED when an exception ended it."""
    failed = getattr(sys, "last_value", None) is not None and not hasattr(sys, "ps1")
    for run_id, using in list(_running.items()):
        with contextlib.suppress(ModelkeepError):
            using.set_terminated(run_id, "FAILED" if failed else "FINISHED")
    _running.clear()


def _forget_after_fork() -> None:
    """In a forked child: the parent's runs are ended by the parent."""
    global _lock
    _lock = threading.Lock()
    _running.clear()
    _thread.runs.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
