"""Listings of artifacts on the wire. The bytes themselves are streamed: see `modelkeep.http.artifacts`."""

from __future__ import annotations

from modelkeep.api.call import Call, Int64, Reply, Request
from modelkeep.domain.artifacts import Listing


class FileShape(Reply):
    """MLflow's FileInfo. `file_size` is in bytes; a folder has none."""

    path: str
    is_dir: bool
    file_size: int | None = None


class FilesReply(Reply):
    """`root_uri` is the address that the paths start from."""

    root_uri: str | None = None
    files: list[FileShape] = []


def files_reply(listing: Listing) -> FilesReply:
    return FilesReply(
        listing.root_uri, [FileShape(entry.path, entry.is_dir, entry.file_size) for entry in listing.entries]
    )


class OfFolder(Request):
    path: str | None = None


class OfRun(Request):
    run_id: str | None = None
    run_uuid: str | None = None
    path: str | None = None
    page_token: str | None = None


class OfLoggedModel(Request):
    model_id: str | None = None
    artifact_directory_path: str | None = None


class PresignUpload(Request):
    run_id: str | None = None
    model_id: str | None = None
    path: str | None = None
    expiration: Int64 | None = None


class PresignDownload(Request):
    run_id: str | None = None
    path: str | None = None
    expiration: Int64 | None = None


_ARTIFACT = "artifact"

CALLS = (
    Call(
        "GET", "mlflow-artifacts/artifacts", OfFolder, "artifacts.list", "read", _ARTIFACT,
        "What is directly in a folder.", files_reply, FilesReply,
    ),
    Call(
        "GET", "mlflow/artifacts/list", OfRun, "artifacts.list_of_run", "read", _ARTIFACT,
        "What is directly in a folder of a run.", files_reply, FilesReply,
    ),
    Call(
        "GET", "mlflow/logged-models/{model_id}/artifacts/directories", OfLoggedModel,
        "artifacts.list_of_logged_model", "read", _ARTIFACT,
        "What is directly in a folder of a logged model.", files_reply, FilesReply, ("model_id",),
    ),
    Call(
        "POST", "mlflow/artifacts/presigned-upload-url", PresignUpload, "artifacts.presign_upload", "write", _ARTIFACT,
        "Always refused: files are sent through this server.", required=("path",),
    ),
    Call(
        "POST", "mlflow/artifacts/presigned-download-url", PresignDownload, "artifacts.presign_download", "read",
        _ARTIFACT, "Always refused: files are sent through this server.", required=("run_id", "path"),
    ),
)  # fmt: skip
