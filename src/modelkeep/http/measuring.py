"""Counters for Prometheus: requests by call and status, and the time they took. Of this process only."""

from __future__ import annotations

import os

_BUCKETS = (0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0)


class Measures:
    """Counts of one process."""

    def __init__(self) -> None:
        self._requests: dict[tuple[str, int], int] = {}
        self._seconds: dict[str, float] = {}
        self._buckets: dict[str, list[int]] = {}

    def record(self, call: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        key = (call, status)
        self._requests[key] = self._requests.get(key, 0) + 1
        self._seconds[call] = self._seconds.get(call, 0.0) + seconds
        buckets = self._buckets.get(call)
        if buckets is None:
            buckets = self._buckets[call] = [0] * (len(_BUCKETS) + 1)
        for index, bound in enumerate(_BUCKETS):
            if seconds <= bound:
                buckets[index] += 1
                return
        buckets[-1] += 1

    def text(self) -> str:
        """The counts in Prometheus' text format 0.0.4."""
        process = f'process="{os.getpid()}"'
        lines = ["# HELP modelkeep_requests_total Requests answered.", "# TYPE modelkeep_requests_total counter"]
        for (call, status), count in sorted(self._requests.items()):
            lines.append(f'modelkeep_requests_total{{call="{call}",status="{status}",{process}}} {count}')
        lines += [
            "# HELP modelkeep_request_seconds Time from the request's head to the end of the answer.",
            "# TYPE modelkeep_request_seconds histogram",
        ]
        for call, buckets in sorted(self._buckets.items()):
            total = 0
            for bound, count in zip((*map(str, _BUCKETS), "+Inf"), buckets, strict=True):
                total += count
                lines.append(f'modelkeep_request_seconds_bucket{{call="{call}",le="{bound}",{process}}} {total}')
            lines.append(f'modelkeep_request_seconds_sum{{call="{call}",{process}}} {self._seconds[call]:.6f}')
            lines.append(f'modelkeep_request_seconds_count{{call="{call}",{process}}} {total}')
        return "\n".join(lines) + "\n"
