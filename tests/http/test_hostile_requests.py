"""Nothing a client sends makes a 5xx, changes half of something, or is answered with anything but the error shape."""

import json
import os
import socket
from urllib.parse import urlencode, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelkeep.api.table import CALLS
from tests.support.wire import Wire

ROUNDS = 400 if os.environ.get("MODELKEEP_SOAK") else 12
IDS = [f"{call.method} {call.path}" for call in CALLS]

_text = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["churn", "1", "0", "-1", "latest", "champion", "Production", "runs:/a/b", "models:/churn/1", "s3://b/m", "..",
         "../../etc/passwd", "a/b", "name='churn'", "name LIKE '%'", "' OR 1=1 --", "\0", "NaN", "9" * 40, "x" * 300]
    ),
)  # fmt: skip
_scalar = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False), _text
)
_value = st.recursive(
    _scalar,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["key", "value", "name", "version", "timestamp", "step", "x"]), inner, max_size=4
        ),
    ),
    max_leaves=8,
)


def _fields(call):
    return [name for name in call.request.__struct_encode_fields__ if name != "wait"]


def _requests(call):
    names = _fields(call)
    if not names:
        return st.just({})
    return st.dictionaries(st.sampled_from(names), _value, max_size=len(names))


@pytest.mark.parametrize("call", CALLS, ids=IDS)
def test_generated_requests_are_answered_with_200_or_a_documented_4xx(call, wire):
    @settings(max_examples=ROUNDS, suppress_health_check=list(HealthCheck))
    @given(fields=_requests(call), in_path=st.sampled_from(["churn", "m-1", "%00", "%2e%2e", "x" * 300]))
    def check(fields, in_path):
        path = f"/api/{call.version}/{call.path}"
        for name in _fields(call):
            path = path.replace(f"{{{name}}}", in_path)
        before = _position(wire)
        if call.method == "GET":
            pairs = [
                (k, _query_text(v))
                for k, value in fields.items()
                for v in (value if isinstance(value, list) else [value])
            ]
            answer = wire.send("GET", f"{path}?{urlencode(pairs, errors='replace')}")
        else:
            answer = wire.send(call.method, path, json.dumps(fields).encode())
        _check_shape(answer)
        if answer.status != 200:
            assert _position(wire) == before

    check()


def _query_text(value):
    return value if isinstance(value, str) else json.dumps(value)


def _position(wire):
    """The newest event's position, found without reading everything before it."""
    after = getattr(wire, "seen", 0)
    while True:
        found = wire.get("/api/2.0/modelkeep/events", after=after, limit=1000).json
        if not found.get("events"):
            wire.seen = after
            return after
        after = found["next_after"]


def _check_shape(answer):
    assert answer.status in (200, 400, 401, 403, 404, 405, 409, 413, 501), (answer.status, answer.body[:500])
    if answer.status != 200:
        found = answer.json
        assert set(found) == {"error_code", "message"}
        assert len(found["message"]) > 10
        for inside in ("Traceback", "SELECT ", "sqlite", "apsw", "src/modelkeep", "site-packages"):
            assert inside not in found["message"]


RAW = [
    b"", b" ", b"null", b"[]", b"0", b"true", b'"text"', b"{", b"}", b"{]", b"[" * 200_000, b'{"a":' * 50_000, b"\xff\xfe",
    b'{"name": "\xc3\x28"}', b'{"name": "\\ud800"}', b'{"name": NaN}', b'{"name": 1e999}', b'{"name": "a\\u0000b"}',
    b'{"name": {"name": {"name": []}}}', b'{"name": "x", "name": 5}', b"\x00", b"\xef\xbb\xbf{}",
]  # fmt: skip


@pytest.mark.parametrize(
    "call", [call for call in CALLS if call.method != "GET"], ids=lambda call: f"{call.method} {call.path}"
)
def test_raw_garbage_is_a_4xx_and_changes_nothing(call, wire):
    path = f"/api/{call.version}/{call.path}"
    for name in _fields(call):
        path = path.replace(f"{{{name}}}", "x")
    before = _position(wire)
    for body in RAW:
        answer = wire.send(call.method, path, body)
        _check_shape(answer)
        if call.action != "read":  # a search without a filter is a good question
            assert 400 <= answer.status < 500, (body[:50], answer.body)
    assert _position(wire) == before


@pytest.mark.parametrize(
    "call", [call for call in CALLS if call.creates], ids=lambda call: f"{call.method} {call.path}"
)
def test_garbage_with_an_idempotency_key_is_a_4xx(call, wire):
    for body in (b'{"name": "\\ud800"}', b'{"name": 5}', b"[", b"{}"):
        answer = wire.send(call.method, f"/api/2.0/{call.path}", body, {"Idempotency-Key": f"garbage {body!r}"})
        _check_shape(answer)
        assert 400 <= answer.status < 500, (body, answer.body)


def test_two_host_headers_are_refused(server):
    parts = urlsplit(server.url)
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.sendall(b"GET /version HTTP/1.1\r\nHost: evil.com\r\nHost: localhost\r\n\r\n")
        assert b" 400 " in connection.recv(100)


def test_a_body_that_never_comes_is_no_empty_body(server):
    parts = urlsplit(server.url)
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        head = "POST /api/2.0/mlflow/experiments/search HTTP/1.1\r\nHost: localhost\r\n"
        connection.sendall((head + "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n").encode())
        connection.shutdown(socket.SHUT_WR)
        assert b" 200 " not in connection.recv(100)


def test_a_body_over_the_limit_is_refused_before_it_is_read(wire):
    answer = wire.send(
        "POST", "/api/2.0/mlflow/registered-models/create", b"", {"Content-Length": str(20 * 1024 * 1024)}
    )

    assert (answer.status, answer.json["error_code"]) == (413, "RESOURCE_EXHAUSTED")


def test_a_body_over_the_limit_sent_in_chunks_is_refused(server):
    def chunks():
        for _ in range(20):
            yield b" " * 1024 * 1024

    wire = Wire(server.url)
    connection = wire._connection
    try:
        connection.request(
            "POST", "/api/2.0/mlflow/registered-models/create", chunks(),
            {"Content-Type": "application/json"}, encode_chunked=True,
        )  # fmt: skip
        status = connection.getresponse().status
    except (BrokenPipeError, ConnectionResetError):
        status = 413  # the server answered and closed before everything was sent
    assert status == 413


def test_a_client_that_goes_away_leaves_nothing(server, wire):
    parts = urlsplit(server.url)
    before = _position(wire)
    for sent in (b'{"name": "half', b""):
        with socket.create_connection((parts.hostname, parts.port)) as connection:
            head = "POST /api/2.0/mlflow/registered-models/create HTTP/1.1\r\nHost: localhost\r\n"
            head += "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"
            connection.sendall(head.encode() + sent)
    assert wire.get("/health").status == 200
    assert _position(wire) == before
    assert "Traceback" not in server.output()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.com"}, 403),
        ({"Origin": "https://evil.com"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "localhost"}, 200),
    ],
)
def test_foreign_hosts_and_origins_are_refused(wire, headers, status):
    body = json.dumps({"name": "guarded"}).encode()
    path = "/api/2.0/mlflow/registered-models/set-tag"
    wire.post("/api/2.0/mlflow/registered-models/create", name="guarded")

    answer = wire.send(
        "POST", path, json.dumps({"name": "guarded", "key": "k", "value": str(headers)}).encode(), headers
    )

    assert answer.status == status, body
