"""Logged models: the files a run wrote as a model, before or without being registered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelkeep.api.errors import EndpointNotFound
from modelkeep.client.entities import LoggedModel, PagedList, logged_model
from modelkeep.client.values import tag_list, text
from modelkeep.domain.errors import Invalid

if TYPE_CHECKING:
    from modelkeep.client.client import Client

_STATUSES = {
    "PENDING": "LOGGED_MODEL_PENDING",
    "READY": "LOGGED_MODEL_READY",
    "FAILED": "LOGGED_MODEL_UPLOAD_FAILED",
}


def create(
    client: Client,
    experiment_id: str,
    name: str | None = None,
    source_run_id: str | None = None,
    tags: dict[str, str] | None = None,
    params: dict[str, str] | None = None,
    model_type: str | None = None,
) -> LoggedModel:
    """Create a logged model, pending until `finalize_logged_model`."""
    reply = client.call(
        "logged_models.create",
        experiment_id=text(experiment_id),
        name=name,
        model_type=model_type,
        source_run_id=source_run_id,
        params=tag_list(params),
        tags=tag_list(tags),
    )
    return logged_model(reply.model)


def get(client: Client, model_id: str) -> LoggedModel:
    """A logged model with its tags, params and metrics.

    Raises:
        NotFound: there is none.
    """
    return logged_model(client.call("logged_models.get", model_id=model_id).model)


def finalize(client: Client, model_id: str, status: str) -> LoggedModel:
    """Say that a logged model is READY, or that its upload FAILED."""
    known = _STATUSES.get(status, status)
    return logged_model(client.call("logged_models.finalize", model_id=model_id, status=known).model)


def delete(client: Client, model_id: str) -> None:
    """Delete a logged model."""
    client.call("logged_models.delete", model_id=model_id)


def search(
    client: Client,
    experiment_ids: list[str],
    filter_string: str | None = None,
    datasets: list[dict[str, Any]] | None = None,
    max_results: int | None = None,
    order_by: list[dict[str, Any]] | None = None,
    page_token: str | None = None,
) -> PagedList[LoggedModel]:
    """Logged models of some experiments that meet a filter, the newest first."""
    reply = client.call(
        "logged_models.search",
        experiment_ids=[text(each) for each in experiment_ids],
        filter=filter_string or None,
        datasets=datasets,
        max_results=max_results,
        order_by=order_by,
        page_token=page_token,
    )
    return PagedList([logged_model(shape) for shape in reply.models], reply.next_page_token)


def find_of_run(client: Client, run_id: str, name: str) -> LoggedModel | None:
    """The newest logged model that a run wrote under a name, or None."""
    experiment_id = client.get_run(run_id).info.experiment_id
    try:
        found = search(client, [experiment_id], f"source_run_id='{run_id}' AND name='{name}'", max_results=1)
    except (EndpointNotFound, Invalid):  # MLflow before 3, or what no logged model is named like
        return None
    return found[0] if found else None


def log_params(client: Client, model_id: str, params: dict[str, str]) -> None:
    """Give a logged model params, whose values never change after."""
    client.call("logged_models.log_params", model_id=model_id, params=tag_list(params))


def set_tags(client: Client, model_id: str, tags: dict[str, Any]) -> None:
    """Set tags of a logged model."""
    client.call("logged_models.set_tags", model_id=model_id, tags=tag_list(tags))


def delete_tag(client: Client, model_id: str, key: str) -> None:
    """Delete a tag of a logged model.

    Raises:
        NotFound: it has no such tag.
    """
    client.call("logged_models.delete_tag", model_id=model_id, tag_key=key)
