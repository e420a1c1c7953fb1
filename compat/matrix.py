"""docs/compatibility.md: a row for each step, a column for each client, a footnote for each cell that is not a yes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from compat import limitations
from compat.flows.steps import FAILED, PASSED, UNAVAILABLE, Outcome

LIMITED = "client limitation"
MARKS = {PASSED: "yes", UNAVAILABLE: "–", LIMITED: "client", FAILED: "**no**"}

_HEAD = """\
# Compatibility

What stock `mlflow` clients do against this server: unmodified releases, each in an environment of its own, every one
with a server of its own. Written by `make compat`, which fails when a step fails.

- **yes**: the step did what it says, and the server answered nothing with an error of its own meanwhile.
- **–**: the client has no such call.
- **client**: the client itself refuses, before or without asking a server.
"""
_CELL = re.compile(r"(?P<mark>.+?)(?: \[(?P<note>\d+)\])?")


@dataclass(frozen=True)
class Cell:
    """What came of a step in one client, with the reason when it is not a yes."""

    outcome: str
    reason: str = ""


@dataclass(frozen=True)
class Matrix:
    """Attributes:
    releases: of the clients, oldest first.
    rows: by (group, title), the cell of each client.
    """

    releases: tuple[str, ...]
    rows: dict[tuple[str, str], tuple[Cell, ...]]

    def failures(self) -> list[str]:
        """A sentence for every cell that is a failure."""
        return [
            f"mlflow {release}: {group}: {title}: {cell.reason}"
            for (group, title), cells in self.rows.items()
            for release, cell in zip(self.releases, cells, strict=True)
            if cell.outcome == FAILED
        ]

    def count(self, release: str, outcome: str) -> int:
        """How many steps came out so in a client."""
        column = self.releases.index(release)
        return sum(cells[column].outcome == outcome for cells in self.rows.values())


def judged(release: str, outcome: Outcome) -> Cell:
    """The cell of an outcome: a failure that is a known limitation of the client is one, and only then."""
    limitation = limitations.find(release, outcome.group, outcome.title)
    reason = " ".join(outcome.reason.split())
    if limitation is None:
        return Cell(outcome.outcome, reason)
    if outcome.outcome == FAILED and limitation.error in outcome.reason:
        return Cell(LIMITED, limitation.reason)
    if outcome.outcome == PASSED:
        return Cell(FAILED, "It passed, so take it out of compat/limitations.py.")
    return Cell(outcome.outcome, reason)


def collect(found: dict[str, Sequence[Outcome]]) -> Matrix:
    """The matrix of what came of the same steps in each client."""
    rows: dict[tuple[str, str], list[Cell]] = {}
    for release, outcomes in found.items():
        for outcome in outcomes:
            rows.setdefault((outcome.group, outcome.title), []).append(judged(release, outcome))
    assert all(len(cells) == len(found) for cells in rows.values()), "the clients did not do the same steps"
    return Matrix(tuple(found), {step: tuple(cells) for step, cells in rows.items()})


def render(matrix: Matrix) -> str:
    """The page."""
    notes: list[str] = []
    lines = [_HEAD, _row("step", *(f"mlflow {release}" for release in matrix.releases))]
    lines.append("|---|" + "---|" * len(matrix.releases))
    group = ""
    for (of, title), cells in matrix.rows.items():
        if of != group:
            lines.append(_row(f"**{of}**", *("" for _ in cells)))
            group = of
        lines.append(_row(title, *(_cell(cell, notes) for cell in cells)))
    for outcome in (PASSED, UNAVAILABLE, LIMITED, FAILED):
        counts = [matrix.count(release, outcome) for release in matrix.releases]
        if any(counts):
            lines.append(_row(f"*{outcome}*", *(f"*{count}*" for count in counts)))
    if notes:
        lines.append("")
        lines += [f"{number}. {note}" for number, note in enumerate(notes, 1)]
    return "\n".join(lines) + "\n"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell, notes: list[str]) -> str:
    mark = MARKS[cell.outcome]
    if not cell.reason:
        return mark
    if cell.reason not in notes:
        notes.append(cell.reason)
    return f"{mark} [{notes.index(cell.reason) + 1}]"


def parse(page: str) -> Matrix:
    """The matrix of a page that `render` made."""
    table = [line[2:-2].split(" | ") for line in page.splitlines() if line.startswith("| ")]
    notes = re.findall(r"^\d+\. (.*)$", page, re.MULTILINE)
    outcomes = {mark: outcome for outcome, mark in MARKS.items()}
    rows: dict[tuple[str, str], tuple[Cell, ...]] = {}
    group = ""
    for title, *cells in table[1:]:
        if title.startswith("**"):
            group = title.strip("*")
        elif not title.startswith("*"):
            found = [_CELL.fullmatch(cell) for cell in cells]
            rows[group, title] = tuple(
                Cell(outcomes[match["mark"]], notes[int(match["note"]) - 1] if match["note"] else "")
                for match in found
                if match
            )
    return Matrix(tuple(name.removeprefix("mlflow ") for name in table[0][1:]), rows)
