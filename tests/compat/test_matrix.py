"""The page that says what each client can do."""

from __future__ import annotations

import pytest

from compat import environments, limitations, matrix
from compat.__main__ import PAGE, summary
from compat.flows.every import STEPS
from compat.flows.steps import FAILED, PASSED, UNAVAILABLE, Outcome
from compat.limitations import LIMITATIONS
from compat.matrix import LIMITED, Cell


def test_the_page_is_in_the_form_that_is_generated() -> None:
    page = PAGE.read_text()

    assert matrix.render(matrix.parse(page)) == page, "run `make compat`"


def test_the_page_has_every_client_and_every_step() -> None:
    measured = matrix.parse(PAGE.read_text())

    assert list(measured.releases) == environments.releases() == ["2.9.2", "2.22.5", "3.1.4", "3.17.2"]
    assert list(measured.rows) == [(step.group, step.title) for step in STEPS], "run `make compat`"


def test_the_page_shows_no_failure_and_every_cell_that_is_not_a_yes_says_why() -> None:
    measured = matrix.parse(PAGE.read_text())

    assert measured.failures() == []
    for cells in measured.rows.values():
        assert len(cells) == 4
        assert all(bool(cell.reason) == (cell.outcome != PASSED) for cell in cells)


def outcomes(*results: str) -> list[Outcome]:
    return [
        Outcome(
            "Group" if number < 2 else "Other", f"step {number}", result, "" if result == PASSED else f"no {number}"
        )
        for number, result in enumerate(results)
    ]


def test_what_was_measured_is_read_from_the_page_as_it_was() -> None:
    measured = matrix.collect(
        {"1.0": outcomes(PASSED, FAILED, UNAVAILABLE), "2.0": outcomes(PASSED, PASSED, UNAVAILABLE)}
    )

    page = matrix.render(measured)

    assert matrix.parse(page) == measured
    assert "| step 1 | **no** [1] | yes |" in page
    assert "| step 2 | – [2] | – [2] |" in page
    assert page.endswith("\n1. no 1\n2. no 2\n")
    assert measured.failures() == ["mlflow 1.0: Group: step 1: no 1"]


def test_text_that_would_break_the_table_does_not() -> None:
    broken = Outcome("Group", "step 0", FAILED, "a | b\n# c")

    measured = matrix.collect({"1.0": [broken]})

    assert matrix.parse(matrix.render(measured)) == measured


@pytest.mark.parametrize("limitation", LIMITATIONS, ids=lambda limitation: limitation.title)
def test_a_limitation_is_of_a_step_and_a_client_that_there_are(limitation: limitations.Limitation) -> None:
    assert (limitation.group, limitation.title) in [(step.group, step.title) for step in STEPS]
    assert set(limitation.releases) <= set(environments.releases())


def test_only_the_failure_that_is_expected_counts_as_a_limitation() -> None:
    limitation = LIMITATIONS[0]
    release, step = limitation.releases[0], (limitation.group, limitation.title)

    expected = matrix.judged(release, Outcome(*step, FAILED, f"TypeError: {limitation.error}"))
    other = matrix.judged(release, Outcome(*step, FAILED, "the server answered 500"))
    gone = matrix.judged(release, Outcome(*step, PASSED))
    newer = matrix.judged("3.17.2", Outcome(*step, FAILED, limitation.error))

    assert expected == Cell(LIMITED, limitation.reason)
    assert (other.outcome, other.reason) == (FAILED, "the server answered 500")
    assert gone.outcome == FAILED
    assert newer.outcome == FAILED


def test_steps_have_names_of_their_own() -> None:
    names = [(step.group, step.title) for step in STEPS]

    assert len(set(names)) == len(names) >= 50


def test_a_clients_line_counts_a_limitation_as_one() -> None:
    limitation = LIMITATIONS[0]
    limited = Outcome(limitation.group, limitation.title, FAILED, limitation.error)

    found = summary(limitation.releases[0], [*outcomes(PASSED, PASSED, UNAVAILABLE), limited])

    assert found == "2 passed, 1 not available, 1 client limitation"
