"""The server's address as a client knows it, for addresses that are given out to it."""

from __future__ import annotations

import re

from modelkeep.domain.errors import NotImplementedHere
from modelkeep.http.probes import Proxies
from modelkeep.http.responding import Scope

# Every `mlflow` client names itself so; a plugin's own words may stand beside it.
_CLIENT = re.compile(rb"\bmlflow-python-client/([0-9]{1,4})\.([0-9]{1,4})\b")
# Before it, the client named the file's folder below the run in the calls of an upload in parts, and not the run's own.
_KNOWS_THE_FOLDER = (2, 11)


class Addresses:
    """Tells the address by which a request came.

    Args:
        proxies: whose X-Forwarded headers are believed.
        base_path: a prefix, such as `/registry`; a proxy may have taken it from the request.
    """

    def __init__(self, proxies: Proxies, base_path: str):
        self._proxies = proxies
        self._base_path = base_path

    def of_server(self, scope: Scope, headers: dict[bytes, bytes]) -> str:
        """Scheme, host and base path, without a slash at the end.

        Raises:
            NotImplementedHere: a proxy stands between that is not trusted, so nobody here knows; or the client is an
                `mlflow` that could not say where the file belongs. Stock clients match the start of the message, and
                then send the file in one piece.
        """
        _check_client(headers.get(b"user-agent", b""))
        if self._proxies.are_hidden(scope, headers):
            raise NotImplementedHere(
                "Multipart upload is not supported for the current artifact repository through a proxy that is not "
                "named with --trusted-proxy: the addresses of the parts could lead past it. Use PUT."
            )
        scope = self._proxies.believed(scope, headers)
        host = self._proxies.host(scope, dict(scope["headers"])).decode("latin-1")
        return f"{scope['scheme']}://{host}{self._base_path}"


def _check_client(user_agent: bytes) -> None:
    client = _CLIENT.search(user_agent)
    if client is not None and (int(client[1]), int(client[2])) < _KNOWS_THE_FOLDER:
        raise NotImplementedHere(
            "Multipart upload is not supported for the current artifact repository by mlflow before 2.11, which leaves "
            "out the run's folder. Use PUT, or a newer client."
        )
