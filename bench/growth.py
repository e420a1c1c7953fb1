"""`python -m bench.growth`, from the root of the repository: what `make growth` runs.

Fills one registry for each size, asks each the same, and writes docs/growth.md, or docs/growth-postgresql.md: the median
time of every verb, and how many times the smallest registry's the largest one's is. Exits 1 when that is more than LIMIT
for any of them.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import report
from bench.populations import BIG, RARE, Population, fill
from modelkeep.domain.actors import Actor
from modelkeep.registry import aliases, events, metrics, models, opening, promotions, runs, versions
from modelkeep.registry.handle import Registry
from tests.support.postgres import cluster

LIMIT = 1.5
_PAGE = 10
_ACTOR = Actor("anonymous", "admin", False, "embedded")

# The n-th call of an operation on a registry.
Call = Callable[[Registry, Population, int], Any]


@dataclass(frozen=True)
class Operation:
    """A verb with arguments that differ from call to call."""

    title: str
    call: Call


@dataclass(frozen=True)
class Measured:
    """The median of each size, in microseconds."""

    title: str
    medians: dict[int, float]

    @property
    def ratio(self) -> float:
        sizes = sorted(self.medians)
        return self.medians[sizes[-1]] / self.medians[sizes[0]]


def main() -> int:
    options = _parse(sys.argv[1:])
    medians: dict[str, dict[int, float]] = {}
    filled = {}
    with contextlib.ExitStack() as stack:
        if options.postgres:
            options.database = stack.enter_context(cluster(durable=True)).url("postgres")
        server = _version(options.database) if options.database else None
        registries = []
        for size in options.rows:
            population = Population(size)
            registry, filled[size] = stack.enter_context(_opened(options, population))
            registries.append((registry, population))
            print(f"{size:,} versions written in {filled[size]:.0f} s", flush=True)
        for operation in (*OPERATIONS, *BOUNDED):
            if not options.only or options.only in operation.title:
                found_medians = _measure(operation, registries, options.seconds)
                medians[operation.title] = found_medians
                print(
                    f"  {operation.title}: {', '.join(f'{each:,.0f} µs' for each in found_medians.values())}",
                    flush=True,
                )
    found, bounded = (
        [Measured(each.title, medians[each.title]) for each in operations if each.title in medians]
        for operations in (OPERATIONS, BOUNDED)
    )
    for part in (found, bounded):
        if part:
            print(f"\n{report.as_text(_table(part, judged=part is found))}")
    if options.output:
        _write(found, bounded, options, filled, server)
    failures = [each for each in found if each.ratio > LIMIT]
    for each in failures:
        print(
            f"FAILED {each.title}: {each.ratio:.2f} times as long with {max(options.rows) // min(options.rows)} times as much"
        )
    return 1 if failures else 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument(
        "--rows",
        type=lambda text: [int(each) for each in text.split(",")],
        default=[1_000, 100_000, 1_000_000],
        help="numbers of versions (default 1000,100000,1000000)",
    )
    parser.add_argument("--seconds", type=float, default=1.0, help="measured time of each operation (default 1)")
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL server that is started for it")
    parser.add_argument("--database", help="on a PostgreSQL server that runs, on which databases may be made")
    parser.add_argument("--folder", help="where the registries are made, and removed again")
    parser.add_argument("--keep", type=Path, help="a folder where filled registries stay, and are found again; SQLite")
    parser.add_argument("--only", help="operations whose title holds this; writes no page")
    parser.add_argument("--output", type=Path, help="page to write (default docs/growth.md, docs/growth-postgresql.md)")
    options = parser.parse_args(arguments)
    if options.postgres and options.database:
        parser.error("Give one of --postgres and --database.")
    is_postgres = options.postgres or options.database
    if options.only:
        options.output = None
    elif options.output is None:
        options.output = Path("docs/growth-postgresql.md" if is_postgres else "docs/growth.md")
    return options


@contextlib.contextmanager
def _opened(options: argparse.Namespace, population: Population) -> Iterator[tuple[Registry, float]]:
    """A filled registry, and how many seconds that took."""
    size = population.versions
    with tempfile.TemporaryDirectory(prefix="modelkeep-growth-", dir=options.folder) as folder:
        data = (options.keep or Path(folder)) / f"data-{size}"
        note = data / "seconds"
        database = _make_database(options.database, size) if options.database else None
        opening.prepare(data, database=database)
        registry = opening.open_registry(data, database=database)
        try:
            if not note.exists():
                began = time.monotonic()
                fill(registry, population)
                if database:
                    _analyze(database)
                note.write_text(str(time.monotonic() - began))
            yield registry, float(note.read_text())
        finally:
            opening.close(registry)
            if database:
                _drop_database(options.database, size)


# Databases of a server ---------------------------------------------------------------------------------------------


def _name(size: int) -> str:
    return f"modelkeep_growth_{size}"


def _command(url: str, text: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(text)


def _version(server: str) -> str:
    import psycopg

    with psycopg.connect(server) as connection:
        rows = [connection.execute(f"SHOW {name}").fetchone() for name in ("server_version", "shared_buffers", "fsync")]
    version, buffers, fsync = (row[0] for row in rows if row)
    return f"PostgreSQL {version}, shared_buffers {buffers}, fsync {fsync}"


def _make_database(server: str, size: int) -> str:
    _command(server, f"CREATE DATABASE {_name(size)} TEMPLATE template0 ENCODING 'UTF8'")
    address, _, options = server.partition("?")
    return f"{address.rpartition('/')[0]}/{_name(size)}" + (f"?{options}" if options else "")


def _analyze(url: str) -> None:
    # What autovacuum does within a minute.
    _command(url, "VACUUM ANALYZE")


def _drop_database(server: str, size: int) -> None:
    _command(server, f"DROP DATABASE {_name(size)} WITH (FORCE)")


def _measure(operation: Operation, registries: list[tuple[Registry, Population]], seconds: float) -> dict[int, float]:
    """The median of each size, in microseconds; the registries take turns, so that what disturbs one disturbs all."""
    times: dict[int, list[float]] = {population.versions: [] for _, population in registries}
    end = time.perf_counter() + seconds * len(registries)
    for number in itertools.count():
        for registry, population in registries:
            began = time.perf_counter()
            operation.call(registry, population, number)
            times[population.versions].append(time.perf_counter() - began)
        if number >= 5_000 or (number >= 40 and time.perf_counter() > end):
            break
    return {size: statistics.median(each[20:]) * 1e6 for size, each in times.items()}


# What is measured --------------------------------------------------------------------------------------------------


def _some_version(population: Population, number: int) -> tuple[str, int]:
    # A prime step, so that calls spread over the whole registry.
    model, version = population.owner(number * 7_919 % population.versions)
    return population.name(model), version


def _some_model(population: Population, number: int) -> str:
    return population.name(number * 7_919 % population.models)


def _some_run(population: Population, number: int) -> str:
    return population.run(number * 7_919 % population.runs)


def _versions(filter: str | None, hits: int | None = None, order_by: list[str] | None = None) -> Call:
    def call(registry: Registry, population: Population, number: int) -> None:
        page = versions.search(_ACTOR, registry, filter, _PAGE, order_by)
        assert hits is None or len(page.items) == hits, (filter, len(page.items))

    return call


def _models(filter: str | None, hits: int | None = None) -> Call:
    def call(registry: Registry, population: Population, number: int) -> None:
        page = models.search(_ACTOR, registry, filter, _PAGE)
        assert hits is None or len(page.items) == hits, (filter, len(page.items))

    return call


def _runs(filter: str | None, hits: int | None = None) -> Call:
    def call(registry: Registry, population: Population, number: int) -> None:
        page = runs.search(_ACTOR, registry, ["1"], filter, None, _PAGE)
        assert hits is None or len(page.items) == hits, (filter, len(page.items))

    return call


def _deep(filter: str | None) -> Call:
    """The page after 90,000 rows, or after nine tenths of all where there are fewer."""
    tokens: dict[int, str | None] = {}

    def call(registry: Registry, population: Population, number: int) -> None:
        if population.versions not in tokens:
            total = population.big if filter else population.versions
            tokens[population.versions] = versions.search(
                _ACTOR, registry, filter, min(90_000, total * 9 // 10)
            ).next_page_token
        page = versions.search(_ACTOR, registry, filter, _PAGE, None, tokens[population.versions])
        assert len(page.items) == _PAGE

    return call


def _history(registry: Registry, population: Population, number: int) -> None:
    page = metrics.history(_ACTOR, registry, _some_run(population, number), metric_key="metric-1", max_results=_PAGE)
    assert len(page.items) == _PAGE


def _events_of_model(registry: Registry, population: Population, number: int) -> None:
    assert events.page(_ACTOR, registry, limit=_PAGE, model=_some_model(population, number))


def _events_after(registry: Registry, population: Population, number: int) -> None:
    assert events.page(_ACTOR, registry, after=population.versions // 2, limit=_PAGE)


def _events_of_kind(registry: Registry, population: Population, number: int) -> None:
    assert events.page(_ACTOR, registry, after=population.versions - 100, limit=_PAGE, kinds=["version.registered"])


def _set_tag(registry: Registry, population: Population, number: int) -> None:
    name, version = _some_version(population, number)
    versions.set_tag(_ACTOR, registry, name, version, "checked", f"at {time.monotonic_ns()}")


# Two calls for each, so that both change something whatever was there before.


def _set_alias(registry: Registry, population: Population, number: int) -> None:
    name = _some_model(population, number // 2)
    aliases.point(_ACTOR, registry, name, "candidate", 1 + number % 2)


def _transition(registry: Registry, population: Population, number: int) -> None:
    name, version = _some_version(population, number // 2)
    promotions.transition(_ACTOR, registry, name, version, ("Staging", "Archived")[number % 2])


def _register(registry: Registry, population: Population, number: int) -> None:
    versions.register(_ACTOR, registry, BIG, f"s3://models/0/new-{number}")


OPERATIONS = [
    Operation("get a version", lambda r, p, n: versions.get(_ACTOR, r, *_some_version(p, n))),
    Operation("get a version by alias", lambda r, p, n: aliases.get(_ACTOR, r, _some_model(p, n), "champion")),
    Operation("get a model", lambda r, p, n: models.get(_ACTOR, r, _some_model(p, n))),
    Operation("latest versions of the largest model", lambda r, p, n: versions.latest(_ACTOR, r, BIG)),
    Operation("search versions, no filter", _versions(None, _PAGE)),
    Operation("search versions by stage, one in a hundred", _versions("current_stage = 'Production'", _PAGE)),
    Operation("search versions by tag, one in a hundred", _versions("tags.validation_status = 'pending'", _PAGE)),
    Operation("search versions by tag, ten hits", _versions("tags.audit = 'wanted'", RARE)),
    Operation("search versions by tag, no hit", _versions("tags.audit = 'nobody'", 0)),
    Operation("search versions by two tags, no hit", _versions("tags.team = 'team-1' AND tags.audit = 'nobody'", 0)),
    Operation("search versions by alias, one in a hundred", _versions("alias = 'champion'", _PAGE)),
    Operation("search versions by alias, ten hits", _versions("alias = 'rollback'", RARE)),
    Operation("search versions by a run's metric, a hundred hits", _versions("metrics.`metric-0` > 0.95", _PAGE)),
    Operation("search versions by a run's param, a hundred hits", _versions("params.learning_rate = '0.5'", _PAGE)),
    Operation("search versions by run", _versions(f"run_id = '{7:032x}'", _PAGE)),
    Operation("search versions by the beginning of a name", _versions("name LIKE 'family-00000-model-3%'", _PAGE)),
    Operation("search versions of the largest model", _versions(f"name = '{BIG}'", _PAGE)),
    Operation(
        "search versions of the largest model in Production",
        _versions(f"name = '{BIG}' AND current_stage = 'Production'", 1),
    ),
    Operation(
        "search versions of the largest model by tag, no hit",
        _versions(f"name = '{BIG}' AND tags.audit = 'nobody'", 0),
    ),
    Operation("page after 90,000 versions", _deep(None)),
    Operation("page after 90,000 versions of the largest model", _deep(f"name = '{BIG}'")),
    Operation("search models, no filter", _models(None, _PAGE)),
    Operation("search models by tag, one hit", _models("tags.owner = 'owner-7'", 1)),
    Operation("search models by tag, no hit", _models("tags.owner = 'nobody'", 0)),
    Operation("search models by the beginning of a name", _models("name LIKE 'family-00000-%'", 9)),
    Operation("search models by alias, ten hits", _models("alias = 'rollback'", RARE)),
    Operation("search runs, no filter", _runs(None, _PAGE)),
    Operation("search runs by metric, ten hits", _runs("metrics.`metric-0` > 0.95", RARE)),
    Operation("search runs by metric, no hit", _runs("metrics.`metric-0` > 2", 0)),
    Operation("search runs by param, ten hits", _runs("params.learning_rate = '0.5'", RARE)),
    Operation("search runs by tag, ten hits", _runs("tags.review = 'wanted'", RARE)),
    Operation("a page of a metric's history", _history),
    Operation("events of a model", _events_of_model),
    Operation("events after a position", _events_after),
    Operation("events of a kind after a position", _events_of_kind),
    Operation("set a tag", _set_tag),
    Operation("point an alias", _set_alias),
    Operation("transition a stage", _transition),
    Operation("register a version", _register),
]

# These have more hits in a larger registry, and an order that no index of the hits has. All hits are fetched while there
# are at most 10,000, and beyond that the rows are walked in order: their time has a bound, but is not the same.
BOUNDED = [
    Operation("search versions by a run's metric, one in fifty", _versions("metrics.`metric-1` > 0.882")),
    Operation("search versions by a run's param, one in eight", _versions("params.batch_size = '8'", _PAGE)),
    Operation("search versions by the beginning of a name, one in a hundred", _versions("name LIKE 'family-0000%'")),
    Operation(
        "search versions of the largest model, one in ten",
        _versions(f"name = '{BIG}' AND current_stage = 'Archived'"),
    ),
    Operation("search models by tag, one in twenty", _models("tags.team = 'team-7'")),
    Operation("search runs by metric, one in fifty", _runs("metrics.`metric-1` > 0.882")),
    Operation("search runs by param, one in eight", _runs("params.batch_size = '8'")),
]


# The page ----------------------------------------------------------------------------------------------------------


def _table(found: list[Measured], *, judged: bool) -> list[list[str]]:
    sizes = sorted(found[0].medians)
    lines = [["", *(f"{size:,} versions" for size in sizes), "ratio", *([f"at most {LIMIT}"] if judged else [])]]
    for each in found:
        figures = [f"{each.medians[size]:,.0f} µs" for size in sizes]
        verdict = ["yes" if each.ratio <= LIMIT else "NO"] if judged else []
        lines.append([each.title, *figures, f"{each.ratio:.2f}", *verdict])
    return lines


def _write(
    found: list[Measured],
    bounded: list[Measured],
    options: argparse.Namespace,
    filled: dict[int, float],
    server: str | None,
) -> None:
    failed = [each for each in found if each.ratio > LIMIT]
    sizes = sorted(filled)
    verdict = (
        f"Of {len(found)} operations {len(failed)} took more than {LIMIT} times as long in the largest registry."
        if failed
        else f"None of {len(found)} operations took more than {LIMIT} times as long in the largest registry."
    )
    contents = [
        f"{size:,} versions of {Population(size).models:,} models, {Population(size).big:,} of them of one; "
        f"{Population(size).runs:,} runs with {Population(size).points:,} points of metrics; "
        f"{size:,} events. Written in {filled[size]:.0f} s."
        for size in sizes
    ]
    parts = [
        "# Growth on PostgreSQL" if server else "# Growth",
        f"This page is written by `make growth{' ARGS=--postgres' if server else ''}`; don't edit it. It tells how long a "
        "call takes in registries of different sizes: median of calls to the verb, which the registries took in turns, in "
        f"one process, on {'PostgreSQL on the same machine' if server else 'SQLite'}, without HTTP. What a call returns is "
        f"the same at every size, a page holds {_PAGE}. Writes are one transaction each, with its fsync.",
        verdict,
        report.as_markdown(_table(found, judged=True)),
        "## Bounded, not constant",
        "These have more hits in a larger registry, and no index gives their hits in the order asked for. While there are "
        "at most 10,000 hits, all are fetched and sorted; when there are more, or when they are dense, the rows are walked "
        "in order until the page is full.",
        report.as_markdown(_table(bounded, judged=False)),
        "## What the registries hold",
        "\n".join(f"- {line}" for line in contents),
        "Each version has two tags, some three; each model has an alias; each run has three params, five metrics of 20 "
        "points and two tags. One version in a hundred is in Production, one in ten in Archived.",
        "## Where",
        "\n".join(
            f"- {line}"
            for line in [
                *(line for line in report.machine() if not line.startswith("load:")),
                *([server] if server else []),
                *report.versions(),
                f"date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
                f"command: `{shlex.join(['python', '-m', 'bench.growth', *sys.argv[1:]])}`",
            ]
        ),
    ]
    options.output.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
