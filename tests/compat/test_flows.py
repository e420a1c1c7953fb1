"""The steps, done with the client that tests are run with."""

from __future__ import annotations

import logging
import re
import sys
from pathlib import Path
from types import SimpleNamespace

from compat.__main__ import drive
from compat.flows.every import STEPS
from compat.flows.given import Given
from compat.flows.steps import FAILED, PASSED, UNAVAILABLE, Step, Unavailable, run

# Those that neither train a model nor start autologging, which take most of the time of all steps.
GROUPS = ("Aliases", "Experiments", "Files", "Prompts")


def test_a_client_does_its_steps_against_a_server() -> None:
    found = drive(Path(sys.executable), "3.17.2", groups=GROUPS)

    expected = [(step.group, step.title) for step in STEPS if step.group in GROUPS]
    assert [(outcome.group, outcome.title) for outcome in found] == expected
    assert [(outcome.title, outcome.reason) for outcome in found if outcome.outcome != PASSED] == []


class Clientless(SimpleNamespace):
    """Enough for steps that ask nothing."""

    mlflow = SimpleNamespace(active_run=lambda: None)


def test_a_step_says_what_came_of_it() -> None:
    def breaks(given: object) -> None:
        raise TypeError("takes a\n  text")

    def lacks(given: object) -> None:
        raise Unavailable("The client has no `x`.")

    found = [run(Step("Group", "title", act), Clientless()) for act in (lambda given: None, breaks, lacks)]

    assert [(outcome.outcome, outcome.reason) for outcome in found] == [
        (PASSED, ""),
        (FAILED, "TypeError: takes a text"),
        (UNAVAILABLE, "The client has no `x`."),
    ]


def test_a_step_whose_assertion_says_nothing_names_the_line() -> None:
    def is_wrong(given: object) -> None:
        Given.needs(Clientless(), object(), "x")

    def says_nothing(given: object) -> None:
        raise AssertionError

    assert run(Step("Group", "title", is_wrong), Clientless()).outcome == UNAVAILABLE
    assert re.fullmatch(
        r"AssertionError: at steps\.py:\d+", run(Step("Group", "title", says_nothing), Clientless()).reason
    )


def test_a_step_that_the_server_failed_has_failed_although_the_client_got_over_it() -> None:
    def is_told(status: int) -> Step:
        def act(given: object) -> None:
            logging.getLogger("urllib3.connectionpool").debug(
                '%s://%s:%s "%s %s %s" %s %s', "http", "127.0.0.1", 5000, "GET", "/version", "HTTP/1.1", status, 2
            )

        return Step("Group", "title", act)

    found = {status: run(is_told(status), Clientless()).reason for status in (200, 404, 500, 501, 503)}

    assert found == {
        200: "",
        404: "",
        500: "The server answered 500 to GET /version.",
        501: "",
        503: "The server answered 503 to GET /version.",
    }
