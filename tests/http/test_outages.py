"""The log hears of an outage at once, of all its answers together, and never of a secret."""

from __future__ import annotations

import logging

import pytest

from modelkeep.domain.errors import Unavailable
from modelkeep.http import outages
from modelkeep.http.outages import Outages


def failed(cause: str) -> Unavailable:
    try:
        try:
            raise OSError(cause)
        except OSError as error:
            raise Unavailable("The database does not answer.") from error
    except Unavailable as error:
        return error


def test_the_first_answer_is_logged_with_its_cause_and_the_next_ones_are_counted(caplog, monkeypatch) -> None:
    monkeypatch.setattr(logging.getLogger("modelkeep"), "propagate", True)
    found = Outages()
    for _ in range(5):
        found.note(failed("connection refused\nthe rest"))
    monkeypatch.setattr(outages, "LOG_SECONDS", 0.0)
    found._next_line = 0.0
    found.note(failed("connection refused"))

    assert [record.message for record in caplog.records] == [
        "a request was answered 503: The database does not answer."
    ] * 2
    assert [record.answers_since_last_line for record in caplog.records] == [1, 5]
    assert {record.cause for record in caplog.records} == {"connection refused"}


def test_without_a_cause_none_is_named(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("modelkeep"), "propagate", True)
    Outages().note(Unavailable("Too many uploads."))
    assert caplog.records[0].cause is None
