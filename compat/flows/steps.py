"""What a step is, and how one is run."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.answers import answers

PASSED, FAILED, UNAVAILABLE = "passed", "failed", "not available"

REASON_CHARACTERS = 300
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Step:
    """Something that a user does.

    Attributes:
        group, title: how the matrix names it.
        act: takes a `Given`, asserts what came of it, and raises Unavailable where the client lacks the call.
    """

    group: str
    title: str
    act: Callable[[Any], None]


@dataclass(frozen=True)
class Outcome:
    """What came of a step in one client. `reason` is empty for one that passed."""

    group: str
    title: str
    outcome: str
    reason: str = ""
    seconds: float = 0.0


class Unavailable(Exception):
    """The client has no such call."""


def step(group: str, title: str) -> Callable[[Callable[[Any], None]], Step]:
    """Make a function a step."""
    return lambda act: Step(group, title, act)


def run(step: Step, given: Any) -> Outcome:
    """Do a step. It also fails when the server answered anything with 500 or 502 to 599 meanwhile, retried or not.

    501 is an answer: it makes a client go another way.
    """
    started = time.monotonic()
    with answers() as seen:
        outcome, reason = _act(step, given)
    errors = [answer for answer in seen if answer.status >= 500 and answer.status != 501]
    if errors and outcome == PASSED:
        outcome, reason = FAILED, f"The server answered {errors[0].status} to {errors[0].request}."
    return Outcome(step.group, step.title, outcome, reason, round(time.monotonic() - started, 2))


def _act(step: Step, given: Any) -> tuple[str, str]:
    try:
        step.act(given)
    except Unavailable as error:
        return UNAVAILABLE, str(error)
    except Exception as error:  # whatever a client raises is an outcome
        logging.getLogger("compat").exception("%s: %s", step.group, step.title)
        return FAILED, _reason(error)
    finally:
        while given.mlflow.active_run():
            given.mlflow.end_run()
    return PASSED, ""


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()) or f"at {_where(error)}"
    return f"{type(error).__name__}: {text}"[:REASON_CHARACTERS]


def _where(error: Exception) -> str:
    """The last line of a step, or of what it called here, that an error went through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(HERE)]
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "an unknown place"
