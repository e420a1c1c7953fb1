"""The API table, tested as a list."""

import inspect
import json

import msgspec
import pytest

from modelkeep.api import openapi
from modelkeep.api.table import CALLS
from modelkeep.http.api import Routes
from modelkeep.http.measuring import Measures
from modelkeep.registry.verbs import resolve

IDS = [f"{call.method} {call.path}" for call in CALLS]


@pytest.mark.parametrize("call", CALLS, ids=IDS)
def test_a_calls_verb_exists_and_takes_its_fields(call):
    parameters = list(inspect.signature(resolve(call.verb)).parameters)

    assert parameters[:2] == ["actor", "registry"]
    fields = [name for name in call.request.__struct_fields__ if not (call.waits and name == "wait")]
    assert set(fields) <= set(parameters[2:])
    assert set(call.required) <= set(call.request.__struct_fields__)


@pytest.mark.parametrize("call", CALLS, ids=IDS)
def test_a_call_is_authorised_and_documented(call):
    assert call.action in ("read", "write", "approve", "govern", "override", "administer")
    assert call.resource
    assert call.summary.endswith(".")
    assert inspect.getdoc(resolve(call.verb))
    assert (call.reply is None) == (call.shape is None)


@pytest.mark.parametrize("call", CALLS, ids=IDS)
def test_every_field_of_a_request_has_a_default(call):
    call.request()


def test_no_two_calls_share_a_method_and_path():
    assert len(set(IDS)) == len(IDS)


def test_every_call_is_found_under_both_prefixes():
    routes = Routes(Measures())
    for call in CALLS:
        path = call.path
        for field in call.request.__struct_fields__:
            path = path.replace(f"{{{field}}}", "x")
        for prefix in ("api", "ajax-api"):
            found = routes.find(f"/{prefix}/{call.version}/{path}")
            assert call.method in found[0]


def test_the_openapi_document_names_every_call():
    document = json.loads(openapi.document(CALLS))

    assert document["openapi"] == "3.1.0"
    for call in CALLS:
        operation = document["paths"][f"/api/{call.version}/{call.path}"][call.method.lower()]
        assert operation["x-action"] == call.action
    references = [text for text in _strings(document) if text.startswith("#/components/schemas/")]
    for reference in references:
        assert reference.rpartition("/")[2] in document["components"]["schemas"]


def _strings(value):
    if isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, str):
        yield value


def test_replies_leave_out_what_is_not_set():
    from modelkeep.api.versions import VersionsReply

    assert msgspec.json.encode(VersionsReply()) == b"{}"
