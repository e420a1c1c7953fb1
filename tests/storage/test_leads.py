"""A search finds the same rows in the same order wherever it starts."""

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelkeep.domain.errors import Invalid
from modelkeep.domain.filters import parse
from modelkeep.domain.ordering import parse_order
from modelkeep.domain.searching import VOCABULARIES
from modelkeep.storage import leads
from modelkeep.storage.filters import beginning, compile_filter
from modelkeep.storage.ordering import compile_order
from tests.storage.library import SEARCHES
from tests.storage.test_filters import filter_of, leaf
from tests.storage.test_ordering import some_order


def run(connection, noun, node, order, lead=None):
    order = lead.order if lead else order
    condition, parameters = compile_filter(node, noun)
    statement = SEARCHES[noun]
    if lead:
        statement = re.sub(" FROM .* WHERE ", lambda _: f" FROM {lead.tables} WHERE {lead.condition} AND ", statement)
        parameters = {**parameters, **lead.parameters}
    statement = statement.format(keys="".join(f", {key}" for key in order.key_columns_sql))
    return connection.execute(
        f"{statement} AND {condition} ORDER BY {order.order_by_sql}", {**parameters, **order.parameters}
    ).fetchall()


def every_lead(noun, node, order):
    for offer in leads.offers(node, noun):
        yield leads.fetching(noun, offer, order)
        if len(offer) == 1 and offer[0].follows(order):
            walking = leads.walking(noun, offer[0], order)
            if walking is not None:
                yield walking


@settings(max_examples=600)
@given(st.integers(1, 6), st.sampled_from(list(VOCABULARIES)), st.integers(0, 2**32))
def test_wherever_a_search_starts_it_finds_the_same_in_the_same_order(libraries, seed, noun, chance):
    connection, chance = libraries(seed).connection, random.Random(chance)
    node = parse(filter_of(chance, noun, depth=2).text, VOCABULARIES[noun])
    try:
        orders = some_order(chance, noun)
    except Invalid:  # two names of one attribute were drawn
        orders = parse_order(None, VOCABULARIES[noun])
    order = compile_order(orders, noun, node)
    expected = run(connection, noun, node, order)
    for lead in every_lead(noun, node, order):
        assert run(connection, noun, node, order, lead) == expected, lead


@pytest.mark.parametrize("noun", VOCABULARIES)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_comparison_that_leads_somewhere_leads_to_every_hit(libraries, noun, seed):
    connection, chance = libraries(seed).connection, random.Random(seed)
    order = compile_order(parse_order(None, VOCABULARIES[noun]), noun)
    led = 0
    for _ in range(300):
        said = leaf(chance, noun)
        node = parse(said.text, VOCABULARIES[noun])
        for lead in every_lead(noun, node, order):
            led += 1
            assert run(connection, noun, node, order, lead) == run(connection, noun, node, order), said.text
    assert led > 50


@pytest.mark.parametrize(
    ("pattern", "bounds"),
    [
        ("%", None),
        ("_a", None),
        ("", None),
        ("churn%", ("churn", "churo")),
        ("a_b", ("a", "b")),
        ("exact", ("exact", "exacu")),
        ("a\ud7ff%", ("a\ud7ff", "a\ue000")),
        ("a\U0010ffff%", ("a\U0010ffff", "b")),
        ("\U0010ffff%", ("\U0010ffff", None)),
        ("x" * 200 + "%", ("x" * 128, "x" * 127 + "y")),
    ],
)
def test_a_pattern_begins_with_what_it_says(pattern, bounds):
    assert beginning(pattern, 128) == bounds
    if bounds and bounds[1]:
        assert bounds[0].encode() < bounds[1].encode()
