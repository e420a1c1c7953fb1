"""What commands print: tables for people on a terminal, tab-separated lines in a pipe, JSON when asked for."""

from __future__ import annotations

import json
import math
import os
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import click

# Any number can be logged as a time; those from here on are none that Python knows.
_YEAR_10000 = 253_402_300_800_000


def document(value: Any) -> None:
    """Print a value as one JSON document; on one line unless a person reads it."""
    click.echo(json_text(value, indent=2 if sys.stdout.isatty() else None))


def json_text(value: Any, indent: int | None = None) -> str:
    """A value as JSON. Numbers that JSON does not have are the texts `NaN`, `Infinity` and `-Infinity`, as in the API."""
    return json.dumps(_finite(value), ensure_ascii=False, indent=indent)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return value


def table(headers: Sequence[str], rows: Iterable[Sequence[Any]], *, is_headed: bool = False) -> None:
    """Print rows: in aligned columns below headers on a terminal, else with tabs between the cells.

    Args:
        is_headed: the headers tell something, so they are the first line in a pipe too.
    """
    cells = [[cell(value) for value in row] for row in rows]
    if not sys.stdout.isatty():
        if is_headed:
            cells.insert(0, [cell(header) for header in headers])
        if cells:
            click.echo("\n".join("\t".join(row) for row in cells))
        return
    if not cells:
        click.echo("There are none.", err=True)
        return
    click.echo(_aligned([header if is_headed else header.upper() for header in headers], cells))


def _aligned(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns two spaces apart. A line that is wider than the terminal is wrapped by it, so that copying gives it whole."""
    widths = [max(map(_width, column)) for column in zip(headers, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = (text + " " * (width - _width(text)) for text, width in zip(cells, widths, strict=True))
        return "  ".join(padded).rstrip()

    return "\n".join([colored(line(headers), bold=True), *map(line, rows)])


def _width(text: str) -> int:
    """How many places of a terminal a text takes: two for wide letters, none for accents of their own."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text
    )


def fields(pairs: Iterable[tuple[str, Any]]) -> None:
    """Print what is known of one thing: a name and a value on each line. Values that are not there are left out."""
    lines = [(name, cell(value)) for name, value in pairs if value not in (None, "", {}, [])]
    width = max((len(name) for name, _ in lines), default=0)
    if sys.stdout.isatty():
        click.echo("\n".join(f"{name:<{width}}  {value}" for name, value in lines))
    else:
        click.echo("\n".join(f"{name}\t{value}" for name, value in lines))


def cell(value: Any) -> str:
    """A value as the text of one cell, without anything that would break a line or move a terminal's cursor."""
    if value is None:
        return ""
    if isinstance(value, dict):
        value = ", ".join(f"{key}={cell(each)}" for key, each in value.items())
    elif isinstance(value, list | tuple):
        value = ", ".join(cell(each) for each in value)
    elif isinstance(value, float):
        value = f"{value:.6g}"
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in str(value))


def moment(milliseconds: int | None) -> str | None:
    """A time in UTC, to the second."""
    if milliseconds is None:
        return None
    if not 0 <= milliseconds < _YEAR_10000:
        return f"{milliseconds} ms"
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def size_text(size: int) -> str:
    """Bytes as a person reads them, on a terminal; the bare number elsewhere."""
    if not sys.stdout.isatty():
        return str(size)
    number = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:,.0f} {unit}" if unit == "B" else f"{number:,.1f} {unit}"
        number /= 1000
    return f"{number:,.1f} TB"


def said(text: str) -> None:
    """Print a sentence about what was done."""
    click.echo(cell(text))


def said_in_cells(values: Iterable[Any]) -> None:
    """Print one line of cells, as `table` does in a pipe."""
    click.echo("\t".join(cell(value) for value in values))


def colored(text: str, color: str | None = None, *, bold: bool | None = None) -> str:
    """A text in a color or bold, unless NO_COLOR (https://no-color.org) or a terminal without colors speaks against it."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if plain else click.style(text, fg=color, bold=bold)


def confirm(question: str, is_sure: bool) -> None:
    """Ask before something is deleted, if somebody is there to answer; end the command unless the answer is yes."""
    if not is_sure and sys.stdin.isatty() and sys.stderr.isatty():
        click.confirm(cell(question), abort=True, err=True)
