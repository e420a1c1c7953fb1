"""Searches and look-ups of the registry that is used, over all pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from modelkeep.client.active import client, experiment_id
from modelkeep.client.entities import Experiment, ModelVersion, PagedList, RegisteredModel, Run, ViewType
from modelkeep.domain.errors import Invalid

if TYPE_CHECKING:
    import pandas

T = TypeVar("T")

# The server's own limits for a page.
_RUNS_PAGE = 1000
_EXPERIMENTS_PAGE = 1000
_MODELS_PAGE = 1000
_VERSIONS_PAGE = 10_000


def _all(page: Callable[[int, str | None], PagedList[T]], most: int | None, page_size: int) -> list[T]:
    """The items of every page, at most `most`."""
    found: list[T] = []
    token: str | None = None
    while most is None or len(found) < most:
        got = page(page_size if most is None else min(page_size, most - len(found)), token)
        found += got
        token = got.token
        if not token:
            break
    return found


def search_runs(
    experiment_ids: list[str] | None = None,
    filter_string: str = "",
    run_view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int = 100_000,
    order_by: list[str] | None = None,
    output_format: Literal["pandas", "list"] = "pandas",
    search_all_experiments: bool = False,
    experiment_names: list[str] | None = None,
) -> list[Run] | pandas.DataFrame:
    """Runs that meet a filter, as a DataFrame with a row for each, or as a list.

    Args:
        experiment_ids, experiment_names: at most one of them; the experiment that is logged to by default.
        search_all_experiments: look everywhere when neither is given.
    """
    if experiment_ids and experiment_names:
        raise Invalid("Only experiment_ids or experiment_names can be used, but not both.")
    if output_format not in ("pandas", "list"):
        raise Invalid(f"Unsupported output format: {output_format}. Supported string values are 'pandas' or 'list'.")
    using = client()
    ids = experiment_ids
    if experiment_names:
        named = (using.get_experiment_by_name(name) for name in experiment_names)
        ids = [each.experiment_id for each in named if each is not None]
    elif not ids:
        everything = search_all_experiments
        ids = [each.experiment_id for each in search_experiments(ViewType.ALL)] if everything else [experiment_id()]
    runs = _all(
        lambda size, token: using.search_runs(ids, filter_string, run_view_type, size, order_by, token),
        max_results,
        _RUNS_PAGE,
    )
    return runs if output_format == "list" else _frame(runs)


def _frame(runs: list[Run]) -> pandas.DataFrame:
    import pandas

    infos = [run.info for run in runs]
    columns: dict[str, Any] = {
        name: [getattr(info, name) for info in infos] for name in ("run_id", "experiment_id", "status", "artifact_uri")
    }
    for name in ("start_time", "end_time"):
        columns[name] = pandas.to_datetime([getattr(info, name) for info in infos], unit="ms", utc=True)
    for kind, nothing in (("metrics", float("nan")), ("params", None), ("tags", None)):
        logged = [getattr(run.data, kind) for run in runs]
        # In the order in which they first appear, each once.
        for key in dict.fromkeys(key for values in logged for key in values):
            columns[f"{kind}.{key}"] = [values.get(key, nothing) for values in logged]
    return pandas.DataFrame(columns)


def search_experiments(
    view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int | None = None,
    filter_string: str | None = None,
    order_by: list[str] | None = None,
) -> list[Experiment]:
    """Experiments that meet a filter, the newest first."""
    using = client()
    return _all(
        lambda size, token: using.search_experiments(view_type, size, filter_string, order_by, token),
        max_results,
        _EXPERIMENTS_PAGE,
    )


def search_registered_models(
    max_results: int | None = None, filter_string: str | None = None, order_by: list[str] | None = None
) -> list[RegisteredModel]:
    """Registered models that meet a filter, by name."""
    using = client()
    return _all(
        lambda size, token: using.search_registered_models(filter_string, size, order_by, token),
        max_results,
        _MODELS_PAGE,
    )


def search_model_versions(
    max_results: int | None = None, filter_string: str | None = None, order_by: list[str] | None = None
) -> list[ModelVersion]:
    """Versions that meet a filter, the last updated first."""
    using = client()
    return _all(
        lambda size, token: using.search_model_versions(filter_string, size, order_by, token),
        max_results,
        _VERSIONS_PAGE,
    )


def get_run(run_id: str) -> Run:
    """A run with what it logged."""
    return client().get_run(run_id)


def get_parent_run(run_id: str) -> Run | None:
    """The run that this one is nested in, or None."""
    return client().get_parent_run(run_id)


def delete_run(run_id: str) -> None:
    """Delete a run."""
    client().delete_run(run_id)


def get_experiment(experiment_id: str) -> Experiment:
    """An experiment."""
    return client().get_experiment(experiment_id)


def get_experiment_by_name(name: str) -> Experiment | None:
    """The experiment of a name, or None."""
    return client().get_experiment_by_name(name)


def create_experiment(name: str, artifact_location: str | None = None, tags: dict[str, Any] | None = None) -> str:
    """Create an experiment and return its id."""
    return client().create_experiment(name, artifact_location, tags)


def delete_experiment(experiment_id: str) -> None:
    """Delete an experiment and with it its runs."""
    client().delete_experiment(experiment_id)
