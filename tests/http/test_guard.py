import pytest

from modelkeep.domain.errors import PermissionDenied
from modelkeep.http.guard import Guard


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:5000",
        "127.0.0.1:5000",
        "[::1]:5000",
        "0.0.0.0",
        "192.168.1.5",
        "10.0.0.1:80",
        "172.20.0.1",
        "[fd00::1]",
    ],
)
def test_local_and_private_hosts_are_allowed(host):
    Guard().check("POST", "/api/2.0/x", host.encode(), None)


@pytest.mark.parametrize("host", ["", "evil.com", "10.evil.com", "192.168.evil.com", "8.8.8.8", "localhost.evil.com"])
def test_other_hosts_are_refused(host):
    with pytest.raises(PermissionDenied, match="--allowed-hosts"):
        Guard().check("GET", "/api/2.0/x", host.encode(), None)


def test_listed_hosts_and_patterns_are_allowed():
    guard = Guard(("registry.example.com", "*.internal"))

    guard.check("GET", "/", b"registry.example.com:443", None)
    guard.check("GET", "/", b"A.Internal", None)
    with pytest.raises(PermissionDenied):
        guard.check("GET", "/", b"example.com", None)


def test_health_is_open_to_every_host():
    Guard().check("GET", "/health", b"probe.example", None)


@pytest.mark.parametrize("origin", ["https://evil.com", "null", "http://10.evil.com", "file://", "garbage", "http://["])
def test_a_write_from_another_sites_page_is_refused(origin):
    with pytest.raises(PermissionDenied, match="Cross-origin"):
        Guard().check("POST", "/api/2.0/x", b"localhost:5000", origin.encode())


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1", "http://10.0.0.1:5000"])
def test_a_write_from_an_own_page_is_allowed(origin):
    Guard().check("POST", "/api/2.0/x", b"10.0.0.1:5000", origin.encode())


def test_a_read_from_another_site_is_not_blocked():
    Guard().check("GET", "/api/2.0/x", b"localhost", b"https://evil.com")
