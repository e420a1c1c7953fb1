"""A metric's history as a small line of SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

WIDTH, HEIGHT, MARGIN = 120, 28, 3
POINTS = 120


def draw(values: Sequence[float], label: str) -> Markup:
    """A line through the values that are finite; nothing for fewer than two of them.

    Args:
        values: in the order they were logged.
        label: what a screen reader says.
    """
    finite = [value for value in values if math.isfinite(value)]
    if len(finite) < 2:
        return Markup("")
    chosen = _thinned(finite)
    low, high = min(chosen), max(chosen)
    # Halves first: the difference of two large values may overflow.
    span = high / 2 - low / 2
    step = (WIDTH - 2 * MARGIN) / (len(chosen) - 1)
    points = []
    for at, value in enumerate(chosen):
        share = 0.5 if span == 0 else (value / 2 - low / 2) / span
        points.append((MARGIN + at * step, HEIGHT - MARGIN - share * (HEIGHT - 2 * MARGIN)))
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    end_x, end_y = points[-1]
    return Markup(
        '<svg class="spark" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img" aria-label="{label}">'
        '<polyline points="{line}"/><circle cx="{x:.1f}" cy="{y:.1f}" r="2.2"/></svg>'
    ).format(w=WIDTH, h=HEIGHT, label=label, line=line, x=end_x, y=end_y)


def _thinned(values: list[float]) -> list[float]:
    if len(values) <= POINTS:
        return values
    last = len(values) - 1
    return [values[round(at * last / (POINTS - 1))] for at in range(POINTS)]
