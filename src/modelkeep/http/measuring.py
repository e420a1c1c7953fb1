"""Counters for Prometheus: requests by call and status, and the time they took. Of this process only."""

from __future__ import annotations

import os
from bisect import bisect_left

_BUCKETS = (0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0)


class Tally:
    """The answers of one call."""

    __slots__ = ("_buckets", "_seconds", "_statuses")

    def __init__(self) -> None:
        self._statuses: dict[int, int] = {}
        self._seconds = 0.0
        self._buckets = [0] * (len(_BUCKETS) + 1)

    def add(self, status: int, seconds: float) -> None:
        """Count one answered request."""
        self._statuses[status] = self._statuses.get(status, 0) + 1
        self._seconds += seconds
        self._buckets[bisect_left(_BUCKETS, seconds)] += 1


class Measures:
    """Counts of one process."""

    def __init__(self) -> None:
        self._tallies: dict[str, Tally] = {}

    def tally(self, call: str) -> Tally:
        """The tally of a call's name."""
        return self._tallies.setdefault(call, Tally())

    def text(self) -> str:
        """The counts in Prometheus' text format 0.0.4."""
        process = f'process="{os.getpid()}"'
        lines = ["# HELP modelkeep_requests_total Requests answered.", "# TYPE modelkeep_requests_total counter"]
        answered = [(call, tally) for call, tally in sorted(self._tallies.items()) if tally._statuses]
        for call, tally in answered:
            for status, count in sorted(tally._statuses.items()):
                lines.append(f'modelkeep_requests_total{{call="{call}",status="{status}",{process}}} {count}')
        lines += [
            "# HELP modelkeep_request_seconds Time from the request's head to the end of the answer.",
            "# TYPE modelkeep_request_seconds histogram",
        ]
        for call, tally in answered:
            total = 0
            for bound, count in zip((*map(str, _BUCKETS), "+Inf"), tally._buckets, strict=True):
                total += count
                lines.append(f'modelkeep_request_seconds_bucket{{call="{call}",le="{bound}",{process}}} {total}')
            lines.append(f'modelkeep_request_seconds_sum{{call="{call}",{process}}} {tally._seconds:.6f}')
            lines.append(f'modelkeep_request_seconds_count{{call="{call}",{process}}} {total}')
        return "\n".join(lines) + "\n"
