"""The table of a run, for a terminal and for docs/benchmarks.md."""

import math
import os
import platform
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench import wrk
from bench.cases import Case
from bench.load import Load

MISSING = "–"


@dataclass(frozen=True)
class Row:
    """One case under load on one server or on both."""

    case: Case
    connections: int
    ours: Load | None
    theirs: Load | None

    @property
    def ratio(self) -> float | None:
        """None when only one side ran, or the other gave no answer to compare with."""
        if self.ours is None or self.theirs is None or not self.theirs.rate:
            return None
        return self.ours.rate / self.theirs.rate

    @property
    def reached(self) -> bool | None:
        if self.case.needed is None or self.ours is None or self.theirs is None:
            return None
        return self.ratio is not None and self.ratio >= self.case.needed


@dataclass(frozen=True)
class Figure:
    """One number of each server that must stay below a limit."""

    title: str
    unit: str
    ours: float | None
    theirs: float | None
    below: float | None = None

    @property
    def reached(self) -> bool | None:
        if self.below is None or self.ours is None:
            return None
        return self.ours < self.below


@dataclass(frozen=True)
class Ratio:
    """One number of ours against one that was measured in turns with it."""

    title: str
    unit: str
    ours: float
    reference: str  # what it is measured against
    theirs: float
    needed: float | None  # None: reported only
    at_most: bool = False  # the ratio must not exceed `needed`; otherwise it must reach it
    of_times: bool = False  # the ratio is how many times faster ours is

    @property
    def ratio(self) -> float:
        return self.theirs / self.ours if self.of_times else self.ours / self.theirs

    @property
    def reached(self) -> bool | None:
        if self.needed is None:
            return None
        return self.ratio <= self.needed if self.at_most else self.ratio >= self.needed

    @property
    def wanted(self) -> str:
        if self.needed is None:
            return MISSING
        return f"{'at most' if self.at_most else 'at least'} {self.needed:.2g}×"


@dataclass(frozen=True)
class Report:
    names: tuple[str, str]  # ours, theirs
    rows: list[Row]
    figures: list[Figure]
    ratios: list[Ratio] = field(default_factory=list)

    def failures(self, *, thresholds: bool = True) -> list[str]:
        """A sentence for every threshold missed and every case in which ours had an error."""
        found = [
            f"{row.case.title}, {row.connections} connections: {row.ours.failed} errors of {self.names[0]}, "
            f"the first: {row.ours.first_error}"
            for row in self.rows
            if row.ours is not None and row.ours.failed
        ]
        if thresholds:
            found += [
                f"{row.case.title}: {_times(row.ratio)} {self.names[1]}, {row.case.needed:g}× is needed"
                for row in self.rows
                if row.reached is False
            ]
            found += [
                f"{ratio.title}: {ratio.ratio:.2f}× {ratio.reference}, {ratio.wanted} is needed"
                for ratio in self.ratios
                if ratio.reached is False
            ]
            found += [
                f"{figure.title}: {figure.ours:.2f} {figure.unit}, less than {figure.below:g} is needed"
                for figure in self.figures
                if figure.reached is False
            ]
        return found


def _times(ratio: float | None) -> str:
    return "no answer to compare with, from" if ratio is None else f"{ratio:.1f}×"


def table(report: Report) -> list[list[str]]:
    """Cells of the load table, headings first."""
    ours, theirs = report.names
    heading = ["operation", "conn.", ours, "p50 / p99 ms", "errors", theirs, "p50 / p99 ms", "errors"]
    lines = [[*heading, "ratio", "needed", "reached"]]
    for row in report.rows:
        ratio = MISSING if row.ratio is None else f"{row.ratio:.1f}×"
        needed = MISSING if row.case.needed is None else f"{row.case.needed:g}×"
        sides = [cell for load in (row.ours, row.theirs) for cell in _side(row.case, load)]
        lines.append([row.case.title, str(row.connections), *sides, ratio, needed, _word(row.reached)])
    return lines


def _side(case: Case, load: Load | None) -> list[str]:
    if load is None:
        return [MISSING] * 3
    p50, p99 = load.percentile(0.5), load.percentile(0.99)
    digits = 0 if p99 >= 100 else 1 if p50 >= 10 else 2
    latencies = MISSING if math.isnan(p50) else f"{p50:.{digits}f} / {p99:.{digits}f}"
    return [f"{load.rate * case.units_per_request:,.0f} {case.unit}", latencies, f"{load.failed:,}"]


def figure_table(report: Report) -> list[list[str]]:
    ours, theirs = report.names
    lines = [["", ours, theirs, "needed", "reached"]]
    for figure in report.figures:
        sides = [_number(value, figure.unit) for value in (figure.ours, figure.theirs)]
        needed = MISSING if figure.below is None else f"< {figure.below:g} {figure.unit}".rstrip()
        lines.append([figure.title, *sides, needed, _word(figure.reached)])
    return lines


def ratio_table(report: Report) -> list[list[str]]:
    """Cells of what was measured in turns with a reference of its own."""
    lines = [["", report.names[0], "against", "its figure", "ratio", "needed", "reached"]]
    for ratio in report.ratios:
        sides = [_number(ratio.ours, ratio.unit), ratio.reference, _number(ratio.theirs, ratio.unit)]
        lines.append([ratio.title, *sides, f"{ratio.ratio:.2f}×", ratio.wanted, _word(ratio.reached)])
    return lines


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return MISSING
    if isinstance(value, int):
        return f"{value:,} {unit}".rstrip()
    digits = 0 if value >= 10 else 2 if value >= 0.1 else 3
    return f"{value:,.{digits}f} {unit}"


def _word(reached: bool | None) -> str:
    return MISSING if reached is None else "yes" if reached else "NO"


def as_text(lines: list[list[str]]) -> str:
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return "\n".join(_text_line(line, widths) for line in lines)


def _text_line(line: list[str], widths: list[int]) -> str:
    numbers = [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
    return "  ".join([line[0].ljust(widths[0]), *numbers]).rstrip()


def as_markdown(lines: list[list[str]]) -> str:
    heading, *rest = lines
    rule = ["---", *["---:"] * (len(heading) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (heading, rule, *rest))


def write(report: Report, path: Path, command: str, about: str) -> None:
    """Write the whole page; `about` says what was in the servers and how they were loaded."""
    ours, theirs = report.names
    when = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    parts = [
        "# Benchmarks",
        f"This page is written by `make bench`; don't edit it. {ours} and {theirs} ran side by side on one "
        "machine and were loaded in turn, each operation on one directly after the same operation on the "
        "other. Absolutes drift from machine to machine; only the ratios carry over.",
        _verdict(report),
        as_markdown(table(report)),
        *([as_markdown(ratio_table(report))] if report.ratios else []),
        as_markdown(figure_table(report)),
        "## How it was measured",
        about,
        "## Where",
        _bullets([*machine(), *versions(), f"date: {when}", f"command: `{command}`"]),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _verdict(report: Report) -> str:
    failures = report.failures()
    if failures:
        return f"Not reached:\n\n{_bullets(failures)}"
    count = [row.reached for row in report.rows].count(True)
    count += [figure.reached for figure in report.figures].count(True)
    count += [ratio.reached for ratio in report.ratios].count(True)
    return f"All {count} thresholds were reached, and {report.names[0]} had no error."


def _bullets(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def machine() -> list[str]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    return [
        f"machine: {_processor()}, {cores} cores, {memory:.0f} GiB of memory",
        f"load: {'wrk, but for log-batch' if wrk.is_installed() else 'the generator in bench/load.py'}",
        f"system: {platform.system()} {platform.release().split('-')[0]}, {platform.machine()}",
        f"Python {platform.python_version()}",
    ]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def versions() -> list[str]:
    names = ("modelkeep", "mlflow", "uvicorn", "httptools", "uvloop", "granian", "apsw")
    return [f"{name} {found}" for name in names if (found := _version(name))]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
