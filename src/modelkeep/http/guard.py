"""What a browser could be tricked into: DNS rebinding and cross-site writes.

As MLflow's server does (`mlflow/server/security.py`), with private addresses matched as parsed addresses, because its
patterns also match names such as `10.evil.com`.
"""

from __future__ import annotations

import ipaddress
from fnmatch import fnmatchcase
from functools import lru_cache
from urllib.parse import urlsplit

from modelkeep.domain.errors import PermissionDenied

_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_ALWAYS = frozenset({"localhost"})


class Guard:
    """Checks the Host and Origin headers.

    Args:
        allowed_hosts: names or patterns such as `registry.example.com` or `*.example.com`, with or without a port,
            in addition to localhost and loopback and private addresses; `*` allows all.
    """

    def __init__(self, allowed_hosts: tuple[str, ...] = ()):
        self._allowed = tuple(host.lower() for host in allowed_hosts)
        self.host_is_allowed = lru_cache(maxsize=1024)(self._host_is_allowed)
        self._origin_is_allowed = lru_cache(maxsize=1024)(self._check_origin)

    def check(self, method: str, path: str, host: bytes, origin: bytes | None) -> None:
        """Raise PermissionDenied when the headers do not fit.

        `/health` and `/version` are exempt from the Host check, for load balancers.
        """
        if not self.host_is_allowed(host) and path not in ("/health", "/version"):
            raise PermissionDenied(
                f"Invalid Host header {_text(host[:200])!r} - possible DNS rebinding attack detected. "
                "If this is the server's name, start it with --allowed-hosts."
            )
        if origin is not None and method in _WRITES and not self._origin_is_allowed(origin, host):
            raise PermissionDenied(
                f"Cross-origin request blocked: the page at {_text(origin[:200])!r} may not write here. "
                "If it is yours, start the server with --allowed-hosts."
            )

    def _check_origin(self, given: bytes, given_host: bytes) -> bool:
        origin, host = _text(given), _text(given_host)
        try:
            parts = urlsplit(origin)
            name = "" if "@" in parts.netloc else parts.netloc
        except ValueError:
            return False
        return bool(name) and (name.lower() == host.lower() or self._is_local(name) or self._is_listed(name))

    def _host_is_allowed(self, given: bytes) -> bool:
        host = _text(given)
        return self._is_local(host) or self._is_private(host) or self._is_listed(host)

    def _is_listed(self, host: str) -> bool:
        host = host.lower()
        bare = _bare(host)
        return any(
            pattern == "*" or fnmatchcase(host, pattern) or fnmatchcase(bare, pattern) for pattern in self._allowed
        )

    def _is_local(self, host: str) -> bool:
        bare = _bare(host.lower())
        address = _address(bare)
        return bare in _ALWAYS or (address is not None and (address.is_loopback or address.is_unspecified))

    def _is_private(self, host: str) -> bool:
        address = _address(_bare(host))
        return address is not None and address.is_private


def _text(header: bytes) -> str:
    return header.decode("latin-1")


def _bare(host: str) -> str:
    """A Host header without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
