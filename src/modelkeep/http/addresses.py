"""The server's address as a client knows it, for addresses that are given out to it."""

from __future__ import annotations

from modelkeep.domain.errors import NotImplementedHere
from modelkeep.http.probes import Proxies
from modelkeep.http.responding import Scope


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
            NotImplementedHere: a proxy stands between that is not trusted, so nobody here knows. Stock clients match
                the start of the message, and then send the file in one piece.
        """
        if self._proxies.are_hidden(scope, headers):
            raise NotImplementedHere(
                "Multipart upload is not supported for the current artifact repository through a proxy that is not "
                "named with --trusted-proxy: the addresses of the parts could lead past it. Use PUT."
            )
        scope = self._proxies.believed(scope, headers)
        host = self._proxies.host(scope, dict(scope["headers"])).decode("latin-1")
        return f"{scope['scheme']}://{host}{self._base_path}"
