"""Times, sizes, numbers and names as people read them; metrics as lines."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelkeep.ui import sparklines, wording


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (None, "–"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (5 * 2**30, "5.0 GiB"),
        (2**60, "1048576.0 TiB"),
    ],
)
def test_sizes_have_the_largest_unit_that_fits(count: int | None, words: str) -> None:
    assert wording.size(count) == words


def test_a_time_is_for_people_and_machines() -> None:
    html = str(wording.when(1_700_000_000_123))
    assert 'datetime="2023-11-14T22:13:20Z"' in html
    assert ">2023-11-14 22:13<" in html


@pytest.mark.parametrize("milliseconds", [None, -1, 2**62])
def test_a_time_that_is_none_is_a_dash(milliseconds: int | None) -> None:
    assert "–" in wording.when(milliseconds)


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (0, "just now"),
        (59_000, "just now"),
        (60_000, "1 min ago"),
        (7_200_000, "2 h ago"),
        (86_400_000 * 400, "1 y ago"),
    ],
)
def test_how_long_ago_is_told_in_one_unit(passed: int, words: str) -> None:
    assert f">{words}<" in wording.ago(1_000_000, 1_000_000 + passed)


@given(st.text(max_size=50))
def test_a_literal_is_the_text_again(text: str) -> None:
    assert ast.literal_eval(wording.literal(text)) == text
    assert wording.literal(text).startswith('"')


def test_what_cannot_be_seen_in_a_name_is_made_visible() -> None:
    assert str(wording.label("a\nb\u202ec\u200b<")) == "a\u240ab[U+202E]c[U+200B]&lt;"


@pytest.mark.parametrize(
    ("text", "line"),
    [(None, ""), ("\n\n", ""), ("\n# Churn **model**\nmore", "Churn model"), ("---\nafter a rule", "after a rule")],
)
def test_the_first_line_is_the_first_that_says_something(text: str | None, line: str) -> None:
    assert wording.first_line(text) == line


def test_a_number_shows_six_digits_and_keeps_all() -> None:
    assert str(wording.number(0.123456789)) == '<span class="number" title="0.123456789">0.123457</span>'


@pytest.mark.parametrize("values", [[], [1.0], [float("nan"), 1.0], [float("inf"), float("nan")]])
def test_fewer_than_two_numbers_make_no_line(values: list[float]) -> None:
    assert sparklines.draw(values, "x") == ""


@given(st.lists(st.floats(), min_size=2, max_size=300))
def test_a_line_stays_inside_its_box(values: list[float]) -> None:
    html = str(sparklines.draw(values, "<x>"))
    assert "nan" not in html
    assert "inf" not in html
    if html:
        points = html.partition('points="')[2].partition('"')[0].split()
        assert 2 <= len(points) <= sparklines.POINTS
        for point in points:
            x, y = map(float, point.split(","))
            assert 0 <= x <= sparklines.WIDTH
            assert 0 <= y <= sparklines.HEIGHT
