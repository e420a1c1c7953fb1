"""`modelkeep import`: bring what another registry has."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from modelkeep.domain.errors import Invalid, ModelkeepError
from modelkeep.importing.reports import Problem, Report

if TYPE_CHECKING:
    from modelkeep.importing.bringing import Tell

_PROBLEMS = 1
_FAILED = 2
_TELL_SECONDS = 0.1
_SHOWN = 20
_NOUNS = {
    "experiments": "experiments",
    "runs": "runs",
    "logged_models": "logged models",
    "models": "registered models",
    "versions": "versions",
}


@click.group("import")
def import_() -> None:
    """Bring what another registry has."""


@import_.command("mlflow")
@click.argument("source")
@click.option("--to", default=None, help="Registry to bring it to: http://…, or a data folder. [MODELKEEP_URI]")
@click.option("--experiment", "experiments", multiple=True, metavar="NAME", help="Only this experiment; repeatable.")
@click.option("--model", "models", multiple=True, metavar="NAME", help="Only this registered model; repeatable.")
@click.option("--only", type=click.Choice(["experiments", "models"]), default=None, help="Leave the other kind out.")
@click.option(
    "--artifacts", default=None, metavar="FOLDER", help="What is behind mlflow-artifacts:/, of a database or folder."
)
@click.option("--verify", is_flag=True, help="Compare both sides afterwards, and every file by its digest.")
@click.option("--origin", default=None, help="Name under which it was imported before, if SOURCE has moved.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def mlflow(
    context: click.Context,
    source: str,
    to: str | None,
    experiments: tuple[str, ...],
    models: tuple[str, ...],
    only: str | None,
    artifacts: str | None,
    verify: bool,
    origin: str | None,
    as_json: bool,
) -> None:
    """Bring everything from SOURCE: a server of MLflow's (http://…), its mlflow.db, or its folder mlruns.

    May be interrupted and started again: it goes on, and brings only what is new or changed there. Ends with 0 when
    everything is here that can be, 1 when something could not be kept, 2 when it could not go on.
    """
    # Not above: every other command would wait for them.
    from modelkeep.client import connections
    from modelkeep.importing import bringing, opening, verifying

    report = Report()
    started = time.monotonic()
    tell, clear = _telling()
    failure: str | None = None
    try:
        opened = opening.open_source(source, artifacts)
        target = connections.open_transport(to or connections.current_uri())
        if target.address == opened.address:
            raise Invalid(f"'{opened.address}' is the source. Name another registry with --to.")
        wanted = bringing.Wanted(list(experiments), list(models), only)
        try:
            brought = bringing.bring(opened, target, origin or opened.address, wanted, report, tell)
            if verify:
                verifying.compare(brought, wanted)
        finally:
            opened.close()
    except (ModelkeepError, OSError) as error:
        failure = str(error)
    finally:
        clear()
    if as_json:
        click.echo(json.dumps(_shape(report, failure)))
    elif failure is None or report.outcomes:
        _print(report, time.monotonic() - started)
    if failure is not None:
        click.echo(f"Error: {failure}", err=True)
        context.exit(_FAILED)
    context.exit(0 if report.is_whole else _PROBLEMS)


def _shape(report: Report, failure: str | None) -> dict[str, Any]:
    shape: dict[str, Any] = {noun: dict(outcomes) for noun, outcomes in report.outcomes.items()}
    return shape | {
        "files": report.files,
        "bytes": report.bytes,
        "problems": [asdict(problem) for problem in report.problems],
        "notes": report.notes,
        "compared": dict(report.compared),
        "differences": None if report.differences is None else [asdict(each) for each in report.differences],
        "error": failure,
    }


def _print(report: Report, seconds: float) -> None:
    for noun, name in _NOUNS.items():
        outcomes = report.outcomes.get(noun)
        if outcomes:
            click.echo(f"{name}: {', '.join(f'{count:,} {outcome}' for outcome, count in outcomes.items())}")
    click.echo(f"files: {report.files:,} brought, {report.bytes:,} bytes")
    click.echo(f"It took {seconds:.1f} s.")
    for note in report.notes:
        click.echo(f"Note: {note}")
    _print_problems(report.problems)
    if report.differences is not None:
        compared = ", ".join(f"{count:,} {_NOUNS.get(noun, noun)}" for noun, count in report.compared.items())
        click.echo(f"compared: {compared or 'nothing'}; {len(report.differences):,} differences.")
        _print_problems(report.differences)


def _print_problems(problems: list[Problem]) -> None:
    for problem in problems[:_SHOWN]:
        text = f"{problem.noun} {problem.id}: {problem.message}"
        click.echo("".join(each if each.isprintable() else repr(each)[1:-1] for each in text), err=True)
    if len(problems) > _SHOWN:
        click.echo(f"… and {len(problems) - _SHOWN:,} more: --json lists all of them.", err=True)


def _telling() -> tuple[Tell, Any]:
    """What shows on a terminal what is being done, and what clears that line."""
    if not sys.stderr.isatty():
        return lambda text: None, lambda: None
    shown = 0.0

    def tell(text: str) -> None:
        nonlocal shown
        if time.monotonic() - shown > _TELL_SECONDS:
            shown = time.monotonic()
            click.echo(f"\r\x1b[K{text[:100]}", nl=False, err=True)

    return tell, lambda: click.echo("\r\x1b[K", nl=False, err=True)
