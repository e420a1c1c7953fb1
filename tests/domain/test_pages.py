"""Page tokens."""

import base64
import json
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelkeep.domain import pages
from modelkeep.domain.errors import Invalid
from modelkeep.domain.filters import parse
from modelkeep.domain.searching import MODELS

HERE = pages.bind("models", "a filter", "an order")
KEYS = st.lists(
    st.one_of(
        st.none(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    ),
    max_size=5,
)


def raw(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@settings(max_examples=200)
@given(KEYS)
def test_a_token_gives_back_its_key(key):
    token = pages.encode(key, HERE)
    back = pages.decode(token, HERE)
    assert back == key
    assert [type(value) for value in back] == [type(value) for value in key]
    assert set(token) <= set(string.ascii_letters + string.digits + "-_")


def test_a_token_belongs_to_its_search():
    token = pages.encode(["a"], HERE)
    elsewhere = pages.bind("models", "another filter", "an order")
    with pytest.raises(Invalid, match="belongs to another search"):
        pages.decode(token, elsewhere)


def test_equal_filters_share_tokens_however_they_are_written():
    one, other = parse("name='a' AND tags.x='y'", MODELS), parse('name = "a"  and tag.`x` = "y"', MODELS)
    assert pages.bind("models", one) == pages.bind("models", other)
    assert pages.bind("models", one) != pages.bind("models", parse("name='a' OR tags.x='y'", MODELS))
    assert pages.bind("models", one) != pages.bind("versions", one)


def test_a_token_altered_anywhere_is_refused():
    token = pages.encode(["name", 17, 0.5, None], HERE)
    for index, character in enumerate(token):
        for other in {"A", "b", "_", "9"} - {character}:
            with pytest.raises(Invalid):
                pages.decode(token[:index] + other + token[index + 1 :], HERE)
    for shorter in range(1, len(token)):
        with pytest.raises(Invalid):
            pages.decode(token[:shorter], HERE)


@pytest.mark.parametrize(
    "token",
    [
        "W10=",
        "W10",
        "e30",
        "x",
        "not a token",
        "ünïcödé",
        "\0",
        "\ud800",
        raw(b'{"offset": 10}'),
        base64.b64encode(b'{"offset": 10}').decode(),
        raw(b"[1,2]"),
        raw(b"null"),
        raw(b"5"),
        raw(b"\xff\xfe"),
        raw(b"[" * 40_000),
        raw(b"9" * 40_000),
        "A" * 100_000,
        5,
        None,
        ["a"],
    ],
)
def test_garbage_is_refused(token):
    with pytest.raises(Invalid, match=r"not a token of this server.*leave it out to start again\.$") as refused:
        pages.decode(token, HERE)
    assert len(refused.value.message) < 400


@pytest.mark.parametrize(
    "value", ["[1]", "{}", "NaN", "Infinity", "1e999", "true", "9223372036854775808", '"\\u0000"', '"\\ud800"']
)
def test_a_forged_token_brings_nothing_that_a_database_cannot_compare(value):
    decoded = json.loads(value)
    seal = pages._seal([decoded], HERE)
    with pytest.raises(Invalid, match="not a token of this server"):
        pages.decode(raw(f'["{seal}","{HERE}",{value}]'.encode()), HERE)


@settings(max_examples=300)
@given(st.one_of(st.text(), st.binary().map(raw), st.text(string.ascii_letters + string.digits + "-_=")))
def test_any_text_is_refused_quickly(token):
    with pytest.raises(Invalid):
        pages.decode(token, HERE)
