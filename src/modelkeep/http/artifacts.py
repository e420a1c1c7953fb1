"""The routes that carry files: streamed both ways, beside the calls of the API table."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl, unquote_to_bytes

import msgspec

from modelkeep.api.uploads import upload_reply
from modelkeep.domain.actors import Actor
from modelkeep.domain.artifacts import Artifact
from modelkeep.domain.errors import Invalid, NotImplementedHere
from modelkeep.domain.texts import required
from modelkeep.http.access import Access
from modelkeep.http.downloads import send_artifact
from modelkeep.http.responding import Receive, Scope, Send, send_json
from modelkeep.http.transfers import receive_more, receive_part
from modelkeep.http.uploads import receive_artifact, too_large
from modelkeep.registry import artifacts, parts

Handler = Callable[[Access, Actor, Scope, Receive, Send], Awaitable[None]]
SignedHandler = Callable[[Access, Scope, Receive, Send], Awaitable[None]]

# MLflow's limit for a file that comes through its browser route.
BROWSER_UPLOAD_LIMIT = 10 * 1024 * 1024

_PREFIX = re.compile(r"/(?:ajax-)?api/2\.0/mlflow-artifacts/(artifacts|presigned)(/|$)")
_PART = re.compile(r"/api/2\.0/modelkeep/uploads/parts/([0-9a-f]{32})/([0-9]{1,5})")
_UPLOAD = re.compile(r"/(?:ajax-)?api/2\.0/modelkeep/uploads/([0-9a-f]{32})")
_OF_LOGGED_MODEL = re.compile(r"/ajax-api/2\.0/mlflow/logged-models/([^/]+)/artifacts/files")


def match(method: str, path: str) -> Handler | None:
    """The handler of a path, without its base path and query; None when it is not one of these routes.

    A handler takes (access, actor, scope, receive, send), raises ModelkeepError before its answer has
    begun, and never afterwards. `scope["raw_path"]` is what the paths of files are read from.
    """
    if found := _PREFIX.match(path):
        if found[1] == "artifacts":
            return _FILES.get(method) if found[2] else None
        return _refuse_multipart_download if method == "GET" else None
    if method in ("GET", "HEAD"):
        if _OF_LOGGED_MODEL.fullmatch(path):
            return _download_of_logged_model
        return _DOWNLOADS.get(path)
    if method == "PUT" and _UPLOAD.fullmatch(path):
        return _append
    return _upload_to_run if (method, path) == ("POST", "/ajax-api/2.0/mlflow/upload-artifact") else None


def match_signed(method: str, path: str) -> SignedHandler | None:
    """The handler of a path whose signature says enough about who calls, or None. It takes what `match`'s do, but for
    the actor.
    """
    return _receive_part if method == "PUT" and _PART.fullmatch(path) else None


async def _receive_part(access: Access, scope: Scope, receive: Receive, send: Send) -> None:
    found = _PART.fullmatch(scope["path"])
    assert found is not None
    query, upload_id, number = _query(scope), found[1], int(found[2])
    expires, signature = _integer(query, "expires"), query.get("signature", "")
    upload = await access.reads.point(lambda: parts.identify(access.registry, upload_id, number, expires, signature))
    etag = await receive_part(access, upload, number, _length(scope), receive)
    await send_json(send, 200, b"{}", [(b"etag", b'"%s"' % etag.encode())])


def _integer(query: dict[str, str], field: str) -> int:
    text = required(query.get(field), field)
    if not re.fullmatch("[0-9]{1,18}", text):
        raise Invalid(f"Parameter '{field}' must be a whole number, got {text[:100]!r}.")
    return int(text)


async def _append(access: Access, actor: Actor, scope: Scope, receive: Receive, send: Send) -> None:
    found = _UPLOAD.fullmatch(scope["path"])
    assert found is not None
    offset = _integer(_query(scope), "offset")
    upload = await receive_more(access, actor, found[1], offset, _length(scope), receive)
    await send_json(send, 200, msgspec.json.encode(upload_reply(upload)))


async def _download(access: Access, actor: Actor, scope: Scope, receive: Receive, send: Send) -> None:
    path = _path(scope)
    await _send(access, lambda: artifacts.find(actor, access.registry, path), scope, send)


async def _send(access: Access, find: Callable[[], Artifact], scope: Scope, send: Send) -> None:
    await send_artifact(access, await access.reads.point(find), scope, send)


def _path(scope: Scope) -> str:
    """The path of the file that the request's path names; decoded from its bytes, which no server has touched."""
    found = _PREFIX.match(scope["raw_path"].decode("latin-1"))
    if found is None:
        raise Invalid("Invalid path: write '/mlflow-artifacts/artifacts/' without percent-encoding.")
    raw = scope["raw_path"][found.end() :]
    try:
        return unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise Invalid(f"Invalid path: {raw[:200]!r} is not UTF-8.") from None


async def _upload(access: Access, actor: Actor, scope: Scope, receive: Receive, send: Send) -> None:
    await receive_artifact(access, actor, _path(scope), _length(scope), receive)
    await send_json(send, 200, b"{}")


def _length(scope: Scope) -> int | None:
    headers = dict(scope["headers"])
    announced = headers.get(b"content-length", b"")
    # With both the transfer encoding wins (RFC 9112, 6.3).
    known = announced.isdigit() and len(announced) < 20 and b"transfer-encoding" not in headers
    return int(announced) if known else None


async def _delete(access: Access, actor: Actor, scope: Scope, receive: Receive, send: Send) -> None:
    path = _path(scope)
    await access.writes.submit(actor, lambda: artifacts.delete(actor, access.registry, path), frees=True)
    await send_json(send, 200, b"{}")


async def _download_of_run(access: Access, actor: Actor, scope: Scope, receive: Receive, send: Send) -> None:
    query = _query(scope)
    run_id = required(query.get("run_id") or query.get("run_uuid"), "run_id")
    path = required(query.get("path"), "path", 2**20)
    await _send(access, lambda: artifacts.find_of_run(actor, access.registry, run_id, path), scope, send)


def _query(scope: Scope) -> dict[str, str]:
    try:
        return dict(parse_qsl(scope["query_string"].decode("ascii"), errors="strict", max_num_fields=100))
    except (ValueError, UnicodeDecodeError):
        raise Invalid("The query string is not valid: use percent-encoded UTF-8 with at most 100 fields.") from None


async def _download_of_version(access: Access, actor: Actor, scope: Scope, receive: Receive, send: Send) -> None:
    query = _query(scope)
    name = required(query.get("name"), "name")
    version = required(query.get("version"), "version")
    path = required(query.get("path"), "path", 2**20)
    await _send(access, lambda: artifacts.find_of_version(actor, access.registry, name, version, path), scope, send)


async def _download_of_logged_model(access: Access, actor: Actor, scope: Scope, receive: Receive, send: Send) -> None:
    found = _OF_LOGGED_MODEL.fullmatch(scope["path"])
    assert found is not None
    model_id, path = found[1], required(_query(scope).get("artifact_file_path"), "artifact_file_path", 2**20)
    await _send(access, lambda: artifacts.find_of_logged_model(actor, access.registry, model_id, path), scope, send)


async def _upload_to_run(access: Access, actor: Actor, scope: Scope, receive: Receive, send: Send) -> None:
    query, length = _query(scope), _length(scope)
    run_id = required(query.get("run_uuid"), "run_uuid")
    path = required(query.get("path"), "path", 2**20)
    full_path = await access.reads.point(lambda: artifacts.path_in_run(actor, access.registry, run_id, path))
    if length == 0:
        raise Invalid("Request must specify data.")
    if length is not None and length > BROWSER_UPLOAD_LIMIT:
        raise too_large(BROWSER_UPLOAD_LIMIT)
    await receive_artifact(access, actor, full_path, length, receive, BROWSER_UPLOAD_LIMIT)
    await send_json(send, 200, b"{}")


async def _refuse_multipart_download(access: Access, actor: Actor, scope: Scope, receive: Receive, send: Send) -> None:
    raise NotImplementedHere("Multipart download is not supported for the current artifact repository. Use GET.")


_FILES: dict[str, Handler] = {"GET": _download, "HEAD": _download, "PUT": _upload, "DELETE": _delete}
_DOWNLOADS: dict[str, Handler] = {
    "/get-artifact": _download_of_run,
    "/model-versions/get-artifact": _download_of_version,
}
