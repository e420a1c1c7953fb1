"""Freezes: the windows in which nothing moves, once or every week, in UTC; and lengths of time."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelkeep.domain import durations, freezes
from modelkeep.domain.errors import Invalid

WEEK = 7 * 86_400_000


def at(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def window(since, until):
    return freezes.parse({"from": since, "until": until}, "freeze")


@pytest.mark.parametrize(
    ("since", "until", "moment", "holds"),
    [
        ("2026-12-20", "2027-01-04", "2026-12-20T00:00", True),
        ("2026-12-20", "2027-01-04", "2027-01-03T23:59:59.999", True),
        ("2026-12-20", "2027-01-04", "2027-01-04T00:00", False),
        ("2026-12-20", "2027-01-04", "2026-12-19T23:59:59.999", False),
        ("2026-12-20T18:00+02:00", "2026-12-20T18:00Z", "2026-12-20T16:00", True),
        ("2026-12-20T18:00+02:00", "2026-12-20T18:00Z", "2026-12-20T15:59", False),
        ("Fri 16:00", "Mon 08:00", "2026-11-27T16:00", True),
        ("Fri 16:00", "Mon 08:00", "2026-11-27T15:59:59.999", False),
        ("Fri 16:00", "Mon 08:00", "2026-11-29T12:00", True),
        ("Fri 16:00", "Mon 08:00", "2026-11-30T07:59", True),
        ("Fri 16:00", "Mon 08:00", "2026-11-30T08:00", False),
        ("monday 8:05", "TUESDAY 00:00", "2026-11-23T08:05", True),
        ("monday 8:05", "TUESDAY 00:00", "2026-11-24T00:00", False),
        ("Thu 00:00", "Thu 00:01", "1970-01-01T00:00", True),
        ("Wed 00:00", "Thu 00:00", "1969-12-31T12:00", True),
    ],
)
def test_a_window_holds_from_its_first_moment_until_just_before_its_last(since, until, moment, holds):
    assert window(since, until).holds(at(moment)) is holds


def test_yaml_dates_are_read_too():
    assert window(date(2026, 12, 20), datetime(2026, 12, 21, 6)).since == at("2026-12-20")
    assert window(date(2026, 12, 20), datetime(2026, 12, 21, 6)).until == at("2026-12-21T06:00")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (None, "freeze must be windows, each with 'from' and 'until'"),
        ({"from": "Fri 10:00"}, "freeze must be windows"),
        ({"from": "Fri 10:00", "until": "Mon 8:00", "zone": "CET"}, "freeze must be windows"),
        ({"from": "Fri 10:00", "until": "Fri 10:00"}, "which is empty"),
        ({"from": "2026-12-20", "until": "2026-12-20"}, "ends before it begins"),
        ({"from": "Fri 24:00", "until": "Mon 08:00"}, "there is no time 24:00"),
        ({"from": "Fri 10:60", "until": "Mon 08:00"}, "there is no time 10:60"),
        ({"from": "Fri 10:00", "until": "2026-12-20"}, "'Fri 10:00', which is neither a date"),
        ({"from": "Frigate 10:00", "until": "Mon 08:00"}, "'Frigate 10:00', which is neither a date"),
        ({"from": "soon", "until": "later"}, "'soon', which is neither a date"),
        ({"from": 20261220, "until": 20261221}, "20261220, which is no text"),
        ({"from": "2026-02-30", "until": "2026-03-01"}, "'2026-02-30', which is neither a date"),
    ],
)
def test_what_is_no_window_is_refused(given, sentence):
    with pytest.raises(Invalid) as refusal:
        freezes.parse(given, "freeze")

    assert sentence in refusal.value.message
    assert refusal.value.message.startswith("freeze")


@given(st.integers(0, 10**13), st.integers(1, 500))
def test_a_weekly_window_holds_again_every_week(moment, weeks):
    weekly = window("Sat 03:00", "Tue 15:30")

    assert weekly.holds(moment) == weekly.holds(moment + weeks * WEEK)


@given(st.one_of(st.text(max_size=20), st.dates(), st.none(), st.floats()), st.text(max_size=20))
def test_whatever_is_said_is_a_window_or_refused(since, until):
    try:
        window(since, until)
    except Invalid as error:
        assert error.message.startswith("freeze")


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("90s", 90_000), ("15m", 900_000), (" 12 H ", 43_200_000), ("30d", 30 * 86_400_000), ("4w", 4 * WEEK)],
)
def test_lengths_of_time_are_read_in_their_units(text, milliseconds):
    assert durations.parse(text, "age") == milliseconds


@pytest.mark.parametrize("text", [None, 30, "30", "d", "1.5d", "-1d", "0s", "1y", "1d1h", "", "9999999999s", "٣d"])
def test_what_is_no_length_of_time_is_refused(text):
    with pytest.raises(Invalid, match="age must be a length of time such as 90s, 15m, 12h, 30d or 4w"):
        durations.parse(text, "age")


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (0, "less than a second"), (999, "less than a second"), (1000, "1 second"), (90_000, "90 seconds"),
        (75_500, "1 minute 15 seconds"), (86_400_000, "1 day"), (30 * 86_400_000, "30 days"), (2 * WEEK, "2 weeks"),
        (2 * 86_400_000 - 1000, "1 day 23 hours 59 minutes 59 seconds"),
    ],
)  # fmt: skip
def test_a_length_is_said_to_the_second(milliseconds, words):
    assert durations.words(milliseconds) == words


@given(st.integers(1000, 10**12), st.integers(1000, 10**12))
def test_two_lengths_a_second_or_more_apart_are_never_said_alike(one, other):
    if one // 1000 != other // 1000:
        assert durations.words(one - one % 1000) != durations.words(other - other % 1000)
