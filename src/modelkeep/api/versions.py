"""Model versions on the wire: `/api/2.0/mlflow/model-versions/…`."""

from __future__ import annotations

from modelkeep.api.call import Call, Int64, Reply, Request
from modelkeep.api.tags import TagShape
from modelkeep.domain.paging import Page
from modelkeep.domain.tags import Tag
from modelkeep.domain.versions import Version


class VersionShape(Reply):
    """MLflow's ModelVersion. Times are UTC milliseconds."""

    name: str
    version: str
    creation_timestamp: int
    last_updated_timestamp: int
    current_stage: str
    source: str
    status: str
    description: str | None = None
    run_id: str | None = None
    run_link: str | None = None
    status_message: str | None = None
    user_id: str | None = None
    tags: list[TagShape] = []
    aliases: list[str] = []


def version_shape(version: Version) -> VersionShape:
    """A version as MLflow writes it."""
    return VersionShape(  # by position: a page of 100 spends a tenth of its time here
        version.name,
        str(version.number),
        version.creation_timestamp,
        version.last_updated_timestamp,
        version.current_stage,
        version.source,
        version.status,
        version.description,
        version.run_id,
        version.run_link,
        version.status_message,
        version.user_id,
        [TagShape(key, value) for key, value in version.tags],
        version.aliases,
    )


class VersionReply(Reply):
    model_version: VersionShape


def version_reply(version: Version) -> VersionReply:
    return VersionReply(version_shape(version))


class VersionsReply(Reply):
    model_versions: list[VersionShape] = []
    next_page_token: str | None = None


def page_reply(page: Page[Version]) -> VersionsReply:
    return VersionsReply([version_shape(version) for version in page.items], page.next_page_token)


def versions_reply(found: list[Version]) -> VersionsReply:
    return VersionsReply([version_shape(version) for version in found])


class DownloadReply(Reply):
    artifact_uri: str


class Register(Request):
    name: str | None = None
    source: str | None = None
    run_id: str | None = None
    tags: list[Tag] | None = None
    run_link: str | None = None
    description: str | None = None
    model_id: str | None = None


class Named(Request):
    name: str | None = None
    version: str | None = None


class Update(Named):
    description: str | None = None


class Transition(Named):
    stage: str | None = None
    archive_existing_versions: bool | None = None


class SetTag(Named):
    key: str | None = None
    value: str | None = None


class DeleteTag(Named):
    key: str | None = None


class Search(Request):
    filter: str | None = None
    max_results: Int64 | None = None
    order_by: list[str] | None = None
    page_token: str | None = None


_NAMED = ("name", "version")
_VERSION = "model version"

CALLS = (
    Call(
        "POST", "mlflow/model-versions/create", Register, "versions.register", "write", _VERSION,
        "Register the files at a source as the model's next version.",
        version_reply, VersionReply, ("name", "source"), creates=True,
    ),
    Call(
        "GET", "mlflow/model-versions/get", Named, "versions.get", "read", _VERSION,
        "A model version.", version_reply, VersionReply, _NAMED, "point",
    ),
    Call(
        "PATCH", "mlflow/model-versions/update", Update, "versions.update", "write", _VERSION,
        "Replace a version's description; leaving it out erases it.", version_reply, VersionReply, _NAMED,
    ),
    Call(
        "DELETE", "mlflow/model-versions/delete", Named, "versions.delete", "write", _VERSION,
        "Delete a version; its number is not used again.", required=_NAMED,
    ),
    Call(
        "POST", "modelkeep/versions/restore", Named, "versions.restore", "write", _VERSION,
        "Bring back a deleted version, in stage None.", version_reply, VersionReply, _NAMED,
    ),
    Call(
        "GET", "mlflow/model-versions/search", Search, "versions.search", "read", _VERSION,
        "Versions that meet a filter, the last updated first.", page_reply, VersionsReply,
    ),
    Call(
        "GET", "mlflow/model-versions/get-download-uri", Named, "versions.download_location", "read", _VERSION,
        "Where a version's files are.", DownloadReply, DownloadReply, _NAMED, "point",
    ),
    Call(
        "POST", "mlflow/model-versions/transition-stage", Transition, "promotions.transition", "write", _VERSION,
        "Move a version to a stage.", version_reply, VersionReply, (*_NAMED, "stage"),
    ),
    Call(
        "POST", "mlflow/model-versions/set-tag", SetTag, "versions.set_tag", "write", _VERSION,
        "Set a tag of a version.", required=(*_NAMED, "key"),
    ),
    Call(
        "DELETE", "mlflow/model-versions/delete-tag", DeleteTag, "versions.delete_tag", "write", _VERSION,
        "Delete a tag of a version.", required=(*_NAMED, "key"),
    ),
)  # fmt: skip
