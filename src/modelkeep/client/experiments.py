"""Experiments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelkeep.client.entities import Experiment, PagedList, ViewType, experiment
from modelkeep.client.values import tag_list, text
from modelkeep.domain.errors import NotFound

if TYPE_CHECKING:
    from modelkeep.client.client import Client


def create(client: Client, name: str, artifact_location: str | None = None, tags: dict[str, Any] | None = None) -> str:
    """Create an experiment and return its id.

    Raises:
        AlreadyExists: the name is taken, perhaps by a deleted one.
    """
    location = None if artifact_location is None else str(artifact_location)
    reply = client.call("experiments.create", name=name, artifact_location=location, tags=tag_list(tags))
    return reply.experiment_id


def get(client: Client, experiment_id: str) -> Experiment:
    """An experiment, deleted or not.

    Raises:
        NotFound: there is none.
    """
    return experiment(client.call("experiments.get", experiment_id=text(experiment_id)).experiment)


def get_by_name(client: Client, name: str) -> Experiment | None:
    """The experiment of a name, deleted or not; None when there is none."""
    try:
        return experiment(client.call("experiments.get_by_name", experiment_name=name).experiment)
    except NotFound:
        return None


def search(
    client: Client,
    view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int | None = 1000,
    filter_string: str | None = None,
    order_by: list[str] | None = None,
    page_token: str | None = None,
) -> PagedList[Experiment]:
    """Experiments that meet a filter, the newest first."""
    reply = client.call(
        "experiments.search",
        view_type=view_type,
        max_results=max_results,
        filter=filter_string or None,
        order_by=order_by,
        page_token=page_token,
    )
    return PagedList([experiment(shape) for shape in reply.experiments], reply.next_page_token)


def rename(client: Client, experiment_id: str, new_name: str) -> None:
    """Rename an experiment."""
    client.call("experiments.update", experiment_id=text(experiment_id), new_name=new_name)


def delete(client: Client, experiment_id: str) -> None:
    """Delete an experiment and with it its runs."""
    client.call("experiments.delete", experiment_id=text(experiment_id))


def restore(client: Client, experiment_id: str) -> None:
    """Bring back a deleted experiment and its runs."""
    client.call("experiments.restore", experiment_id=text(experiment_id))


def set_tag(client: Client, experiment_id: str, key: str, value: Any) -> None:
    """Set a tag of an experiment."""
    client.call("experiments.set_tag", experiment_id=text(experiment_id), key=key, value=text(value))


def delete_tag(client: Client, experiment_id: str, key: str) -> None:
    """Delete a tag of an experiment.

    Raises:
        NotFound: it has no such tag.
    """
    client.call("experiments.delete_tag", experiment_id=text(experiment_id), key=key)
