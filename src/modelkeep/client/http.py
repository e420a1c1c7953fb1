"""The transport to a server: requests over connections that are kept, and sent again when that can help.

urllib3 is imported when the first connection is made, as it takes longer than everything else here.
"""

from __future__ import annotations

import base64
import json
import logging
import math
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import quote, unquote, urlencode, urlsplit

import msgspec

from modelkeep.api import errors
from modelkeep.api.arguments import complete
from modelkeep.api.call import Call
from modelkeep.client import environment, replies, resuming
from modelkeep.client.bodies import PartOfFile
from modelkeep.client.calls import Progress, of_verb
from modelkeep.domain.artifacts import check_path
from modelkeep.domain.errors import Conflict, Invalid, ModelkeepError, NotFound, NotImplementedHere, Unavailable
from modelkeep.version import VERSION

if TYPE_CHECKING:
    import urllib3

log = logging.getLogger("modelkeep.client")

# From here on an upload that breaks is worth going on with.
RESUMABLE_BYTES = 16 * 1024 * 1024
CHUNK_BYTES = 1024 * 1024
CONNECTIONS = 16
# Of the first wait before something is sent again; each further one is twice as long.
BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 20
# One that refuses connections is not there: waiting half a minute for it would only hide a wrong address.
CONNECT_RETRIES = 3
_RETRIED = (408, 429, 500, 502, 503, 504)


class HttpTransport:
    """Calls a server.

    Args:
        address: `http(s)://host[:port][/base/path]`, which may hold a user and a password.
        authorization: says, whenever it is asked, the user and the password or token when the address holds none.
    Raises:
        Invalid: the address is not one.
    """

    is_local = False

    def __init__(self, address: str, authorization: Callable[[], tuple[str, str] | None] = environment.authorization):
        try:
            parts, port_number = urlsplit(address), urlsplit(address).port
        except ValueError as error:
            raise Invalid(
                f"'{address}' is not the address of a server ({error}): write it as http://host:port."
            ) from None
        if not parts.hostname:
            raise Invalid(f"'{address}' is not the address of a server: write it as http://host:port.")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        port = f":{port_number}" if port_number else ""
        self.address = f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}"
        self._user = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        self._authorization = authorization
        self._made: urllib3.PoolManager | None = None
        self._retries = environment.retries()

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        if self._made is not None:
            self._made.clear()
            self._made = None

    def forget(self) -> None:
        """Leave the connections to the process that this one was forked from."""
        self._made = None

    # Calls --------------------------------------------------------------------------------------------------

    def call(self, verb: str, arguments: dict[str, Any]) -> Any:
        """See `calls.Transport`."""
        call = of_verb(verb)
        path, given = _on_the_wire(call, arguments)
        body, headers = None, {}
        if call.method == "GET":
            path += _query(given)
        else:
            body, headers = _json(given), {"Content-Type": "application/json"}
        if call.creates:
            headers["Idempotency-Key"] = uuid.uuid4().hex
        waits = float(given.get("wait") or 0) if call.waits else 0.0
        answer = self._request(call.method, f"/api/{call.version}/{path}", body, headers, waits=waits)
        if answer.status != 200:
            raise self._error(call, answer.status, answer.data)
        if call.shape is None:
            return None
        try:
            return replies.decoder(call.shape)(answer.data or b"{}")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ModelkeepError(
                f"The server at {self.address} answered {call.method} {path} with something else than the reply of that "
                f"call ({error}). Check that the address is a registry's."
            ) from None

    def _error(self, call: Call, status: int, body: bytes) -> ModelkeepError:
        error = errors.decode(status, body)
        if status in (404, 405, 501) and call.path.startswith("modelkeep/") and not isinstance(error, NotFound):
            return self._lacks(call.summary)
        return error

    def _lacks(self, what: str) -> ModelkeepError:
        return NotImplementedHere(
            f"The server at {self.address} does not have this call of Modelkeep's: {what[0].lower()}{what[1:]} "
            "MLflow's own server has none of them; use a Modelkeep server of this version or newer."
        )

    def probe(self, path: str) -> urllib3.BaseHTTPResponse:
        """What the server answers to a GET of a path, whatever that is; asked once.

        Raises:
            Unavailable: nothing; its cause is urllib3's error.
        """
        return self._request("GET", path, retries=0)

    def read(self, path: str, query: dict[str, Any]) -> bytes:
        """The body of the answer to a GET of any path below the address, also of one that is not in the API table.

        Raises:
            ModelkeepError: what the server refused.
        """
        answer = self._request("GET", path + _query(query))
        if answer.status != 200:
            raise errors.decode(answer.status, answer.data)
        return answer.data

    def read_into(self, path: str, query: dict[str, Any], to: IO[bytes]) -> None:
        """As `read`, for a body of any size: it is written to an empty file."""
        import urllib3

        answer = self._request("GET", path + _query(query), stream=True)
        try:
            if answer.status != 200:
                raise errors.decode(answer.status, answer.read())
            for chunk in answer.stream(CHUNK_BYTES, decode_content=True):
                to.write(chunk)
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from error
        finally:
            answer.release_conn()

    # Requests -----------------------------------------------------------------------------------------------

    def _request(
        self,
        method: str,
        path: str,
        body: bytes | PartOfFile | None = None,
        headers: dict[str, str] | None = None,
        *,
        retries: int | None = None,
        stream: bool = False,
        waits: float = 0.0,
    ) -> urllib3.BaseHTTPResponse:
        """Send a request and return the answer, whatever its status.

        Args:
            retries: how often it is sent again; as often as the environment says by default.
            stream: leave the answer's body to be read.
            waits: seconds that the server may take on purpose.
        Raises:
            Unavailable: no answer came.
        """
        import urllib3

        most = self._retries if retries is None else retries
        policy = urllib3.Retry(
            total=most,
            connect=min(most, CONNECT_RETRIES),
            backoff_factor=BACKOFF_SECONDS,
            backoff_jitter=2 * BACKOFF_SECONDS,
            backoff_max=LONGEST_BACKOFF_SECONDS,
            status_forcelist=_RETRIED,
            allowed_methods=None,
            respect_retry_after_header=True,
            raise_on_status=False,
            redirect=5,
        )
        timeout = urllib3.Timeout(connect=environment.CONNECT_SECONDS, read=environment.timeout() + waits)
        try:
            return self._pool().request(
                method,
                self.address + path,
                body=cast(Any, body),
                headers=self._headers() | (headers or {}),
                retries=policy,
                timeout=timeout,
                preload_content=not stream,
                decode_content=not stream,
            )
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from error

    def _pool(self) -> urllib3.PoolManager:
        if self._made is None:
            import urllib3

            verified = environment.verifies_certificates()
            if not verified:
                urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
            self._made = urllib3.PoolManager(
                maxsize=CONNECTIONS,
                cert_reqs="CERT_REQUIRED" if verified else "CERT_NONE",
                ca_certs=environment.certificates() if verified else None,
                blocksize=CHUNK_BYTES,
            )
        return self._made

    def _headers(self) -> dict[str, str]:
        # Asked for at each request: long-lived programs get new tokens.
        headers = {"User-Agent": f"modelkeep/{VERSION}"}
        known = self._user or self._authorization()
        if known is not None:
            user, secret = known
            basic = base64.b64encode(f"{user}:{secret}".encode()).decode()
            headers["Authorization"] = f"Basic {basic}" if user else f"Bearer {secret}"
        return headers

    def _unreachable(self, error: Exception) -> Unavailable:
        reason = getattr(error, "reason", None) or error
        return Unavailable(
            f"The server at {self.address} does not answer ({type(reason).__name__}: {reason}). Check the address, and "
            "that the server runs and can be reached from here."
        )

    # Files --------------------------------------------------------------------------------------------------

    def send(self, path: str, file: Path, digest: str, size: int, progress: Progress) -> None:
        """See `calls.Transport`: large files go on where a connection broke, where the server can do that."""
        if size >= RESUMABLE_BYTES:
            try:
                return self._send_on(path, file, digest, size, progress)
            except NotImplementedHere:
                pass
        with PartOfFile(file, 0, size, progress) as body:
            answer = self._request("PUT", _address(path), body, _length(size))
        if answer.status != 200:
            raise self._files_error(answer.status, answer.data)

    def _send_on(self, path: str, file: Path, digest: str, size: int, progress: Progress) -> None:
        """Send a file in as many requests as it takes, beginning where an earlier attempt of any process stopped."""
        note = resuming.note(self.address, path, digest)
        upload_id, offset = self._begin(note, path, digest, size)
        told = failures = 0

        def tell(count: int) -> None:
            nonlocal told
            told += count
            progress(count)

        tell(offset)
        while offset < size:
            try:
                with PartOfFile(file, offset, size, tell) as body:
                    address = f"/api/2.0/modelkeep/uploads/{upload_id}?offset={offset}"
                    answer = self._request("PUT", address, body, _length(size - offset), retries=0)
                if answer.status != 200:
                    raise errors.decode(answer.status, answer.data)
                offset = size
            except (Unavailable, Conflict, Invalid) as error:
                reached = self._reached(upload_id)
                # Invalid: when the server saw the body end early, it kept what came.
                failures = 1 if reached > offset else failures + 1
                if failures > self._retries or (isinstance(error, Invalid) and reached == offset):
                    raise
                log.info("the upload of %s goes on at byte %d: %s", path, reached, error)
                tell(reached - told)
                offset = reached
                time.sleep(min(BACKOFF_SECONDS * 2 ** (failures - 1), LONGEST_BACKOFF_SECONDS))
        self.call("uploads.complete", {"upload_id": upload_id, "digest": digest})
        resuming.forget(note)

    def _begin(self, note: Path, path: str, digest: str, size: int) -> tuple[str, int]:
        known = resuming.read(note)
        if known is not None:
            try:
                upload = self.call("uploads.get", {"upload_id": known})
                if upload.size == size:
                    return known, upload.offset or 0
            except ModelkeepError:
                log.info("the upload %s is gone, so %s is sent from its beginning", known, path)
        upload = self.call("uploads.create", {"path": path, "size": size, "digest": digest})
        resuming.write(note, upload.upload_id)
        return upload.upload_id, 0

    def _reached(self, upload_id: str) -> int:
        return self.call("uploads.get", {"upload_id": upload_id}).offset or 0

    def fetch(self, path: str, to: IO[bytes], progress: Progress, digest: str | None = None) -> str | None:
        """See `calls.Transport`: a download that breaks goes on where it stopped."""
        import urllib3

        tag = f'"{digest}"' if digest else None
        told: str | None = None
        failures = 0
        while True:
            start = to.tell()
            headers = {"Accept-Encoding": "identity"}
            if start and tag:
                headers |= {"Range": f"bytes={start}-", "If-Range": tag}
            answer = self._request("GET", _address(path), None, headers, stream=True)
            try:
                is_past_end = answer.status == 416 and start > 0
                if is_past_end and answer.headers.get("Content-Range") == f"bytes */{start}":
                    return told or digest
                if answer.status not in (200, 206) and not is_past_end:
                    raise self._files_error(answer.status, answer.read())
                if start and answer.status != 206:
                    to.seek(0)
                    to.truncate()
                    progress(-start)
                    if is_past_end:
                        continue
                tag = answer.headers.get("ETag") or tag
                told = _digest(answer.headers.get("Repr-Digest")) or told
                for chunk in answer.stream(CHUNK_BYTES):
                    to.write(chunk)
                    progress(len(chunk))
                return told or digest
            except urllib3.exceptions.HTTPError as error:
                failures = 1 if to.tell() > start else failures + 1
                if failures > self._retries:
                    raise self._unreachable(error) from error
                log.info("the download of %s goes on at byte %d: %s", path, to.tell(), error)
                time.sleep(min(BACKOFF_SECONDS * 2 ** (failures - 1), LONGEST_BACKOFF_SECONDS))
            finally:
                answer.release_conn()

    def remove(self, path: str) -> None:
        """See `calls.Transport`."""
        answer = self._request("DELETE", _address(path))
        if answer.status not in (200, 204):
            raise self._files_error(answer.status, answer.data)

    def _files_error(self, status: int, body: bytes) -> ModelkeepError:
        if status == 503 and b"serve-artifacts" in body:
            return NotImplementedHere(
                f"The server at {self.address} does not pass files on. Start it with --serve-artifacts."
            )
        return errors.decode(status, body)


def _on_the_wire(call: Call, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The path of a call with its fields filled in, and the other arguments under their names on the wire."""
    shape = call.request
    names = dict(zip(shape.__struct_fields__, shape.__struct_encode_fields__, strict=True))
    given = {names[name]: value for name, value in arguments.items() if value is not None}
    path = call.path
    if "{" in path:
        # One that is missing would make another address.
        in_path = [name for name in call.required if f"{{{name}}}" in path]
        complete(dict.fromkeys(in_path) | arguments, in_path, names)
        for name in names.values():
            field = f"{{{name}}}"
            if field in path:
                path = path.replace(field, quote(str(given.get(name, "")), safe=""))
                if call.method == "GET":  # elsewhere MLflow's server wants it in the body as well
                    given.pop(name, None)
    return path, given


def _json(given: dict[str, Any]) -> bytes:
    try:
        return json.dumps(given, allow_nan=False).encode()
    except ValueError:
        # JSON has no such numbers; protobuf's JSON has texts for them.
        return json.dumps(_with_texts_for_numbers(given)).encode()


def _with_texts_for_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_texts_for_numbers(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_texts_for_numbers(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _query(given: dict[str, Any]) -> str:
    def text(value: Any) -> Any:
        return str(value).lower() if isinstance(value, bool) else value

    return "?" + urlencode({name: text(value) for name, value in given.items()}, doseq=True) if given else ""


def _address(path: str) -> str:
    # Checked here too: on the way '..' would make another address of it.
    return f"/api/2.0/mlflow-artifacts/artifacts/{quote(check_path(path))}"


def _length(size: int) -> dict[str, str]:
    return {"Content-Length": str(size), "Content-Type": "application/octet-stream"}


def _digest(header: str | None) -> str | None:
    """The SHA-256 of a Repr-Digest (RFC 9530), in hexadecimal."""
    if header is None or not header.startswith("sha-256=:"):
        return None
    return base64.b64decode(header.removeprefix("sha-256=:").rstrip(":")).hex()
