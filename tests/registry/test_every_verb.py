"""Every verb of the API table, called directly: no rule may depend on the door a caller came through."""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelkeep.api.table import CALLS
from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import ModelkeepError, PermissionDenied
from modelkeep.registry import events, models, versions
from modelkeep.registry.verbs import resolve

ROUNDS = 500 if os.environ.get("MODELKEEP_SOAK") else 15
IDS = [f"{call.method} {call.path}" for call in CALLS]
CHANGING = [call for call in CALLS if call.action == "write"]

_text = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["churn", "1", "0", "-1", "latest", "champion", "Production", "runs:/a/b", "s3://b/m", "..", "a/b", "\0",
         "\ud800", "name = 'churn'", "x" * 300, "9" * 30]
    ),
)  # fmt: skip
_scalar = st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), _text)


def _arguments(call):
    names = [name for name in call.request.__struct_fields__ if not (call.waits and name == "wait")]
    return st.fixed_dictionaries({name: st.one_of(_scalar, st.lists(_text, max_size=2)) for name in names})


def _typed(call, arguments):
    """Leave lists only where the request has lists: their items are shapes that a decoder made."""
    hints = call.request.__annotations__
    return {
        name: None if isinstance(value, list) and "list[str]" not in str(hints.get(name, "")) else value
        for name, value in arguments.items()
        if not ("list" in str(hints.get(name, "")) and not isinstance(value, list | None))
    }


@pytest.mark.parametrize("call", CALLS, ids=IDS)
def test_a_verb_answers_bad_input_with_an_error_of_the_tree_and_records_nothing(call, actor, registry):
    verb = resolve(call.verb)
    models.create(actor, registry, "churn")
    versions.register(actor, registry, "churn", "s3://bucket/1")

    @settings(max_examples=ROUNDS, suppress_health_check=list(HealthCheck))
    @given(arguments=_arguments(call))
    def check(arguments):
        before = events.last_position(actor, registry)
        try:
            verb(Actor("ann", "admin", True, "embedded"), registry, **_typed(call, arguments))
        except ModelkeepError as error:
            assert error.code != "INTERNAL_ERROR"
            assert len(error.message) > 10
            assert events.last_position(actor, registry) == before
        except TypeError as error:
            assert "required positional argument" in str(error)

    check()


@pytest.mark.parametrize("call", CHANGING, ids=[f"{call.method} {call.path}" for call in CHANGING])
def test_a_reader_is_refused_before_anything_is_looked_at(call, reader, actor, registry):
    arguments = dict.fromkeys(call.request.__struct_fields__, "x")
    before = events.last_position(actor, registry)

    with pytest.raises(PermissionDenied, match="has the role reader"):
        resolve(call.verb)(reader, registry, **arguments)

    assert events.last_position(actor, registry) == before
