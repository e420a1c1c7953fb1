"""`modelkeep validate`: is a version good enough, on this data?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelkeep.cli import codes, outputs
from modelkeep.cli.clients import connected, number_of, parse, version_argument
from modelkeep.client.addresses import OfVersion
from modelkeep.domain.errors import Invalid

if TYPE_CHECKING:
    from modelkeep.client.client import Client


@click.command()
@version_argument
@click.option(
    "--data",
    required=True,
    metavar="FILE",
    help="A csv, parquet or npz file, or the address of one, as runs:/RUN/PATH.",
)
@click.option("--target", metavar="COLUMN", help="The column, or the array of an npz file, with the true values.")
@click.option(
    "--check",
    "texts",
    multiple=True,
    metavar="CHECK",
    help="As 'roc_auc >= 0.85', 'avg_latency_ms <= 100' or 'prediction_mean = 0.15 +- 0.05'. Repeatable.",
)
@click.option("--checks", "file", metavar="FILE", help="Checks as YAML or JSON, a list or an object.")
@click.option("--dataset", metavar="NAME", help="What the data is called. [default: the file's name]")
@click.option("--champion", metavar="VERSION", help="What predictions are compared with. [default: @champion]")
@click.option("--calls", type=click.IntRange(1, 100_000), default=100, help="Calls that are timed. [100]")
@click.option("--rows", type=click.IntRange(1, 1_000_000), default=10, help="Rows of each of them. [10]")
@click.option("--warm-up", type=click.IntRange(0, 100_000), default=10, help="Calls before them. [10]")
@click.option("--record/--no-record", default=True, help="Add what came out as evidence, or do not. [record]")
@click.option("--trusted-type", "trusted_types", multiple=True, metavar="NAME", help="A type to trust. Repeatable.")
@click.option("--trust", is_flag=True, help="Accept whatever is in the model's files, and run code that is there.")
@connected()
@click.pass_context
def validate(
    context: click.Context,
    client: Client,
    named: OfVersion,
    data: str,
    target: str | None,
    texts: tuple[str, ...],
    file: str | None,
    dataset: str | None,
    champion: str | None,
    calls: int,
    rows: int,
    warm_up: int,
    record: bool,
    trusted_types: tuple[str, ...],
    trust: bool,
    as_json: bool,
) -> None:
    """Measure a version on data, judge it by checks, and record what came out as evidence about its bytes.

    For example: modelkeep validate models:/churn/4 --data holdout.csv --target churned --check 'roc_auc >= 0.85'

    Ends with 0 when every check is met, else with 1. Without checks it only measures; see docs/validation.md.
    """
    from modelkeep.validation import data as files
    from modelkeep.validation import running

    checks = _checks(file, texts)
    X, y, name = files.read(client, data, target)
    report = running.validate(
        f"models:/{named.name}/{number_of(client, named)}",
        X,
        y,
        checks=checks,
        dataset=dataset or name,
        champion=None if champion is None else _address(client, parse(champion)),
        latency={"calls": calls, "rows": rows, "warm_up": warm_up},
        record=record,
        client=client,
        trusted_types=trusted_types,
        trust=trust,
    )
    if as_json:
        outputs.document(report.to_dictionary())
    else:
        click.echo("\n".join(outputs.cell(line) for line in str(report).splitlines()))
    if not report.passed:
        context.exit(codes.REFUSED)


def _address(client: Client, named: OfVersion) -> str:
    return f"models:/{named.name}/{number_of(client, named)}"


def _checks(file: str | None, texts: tuple[str, ...]) -> list[Any] | None:
    """The checks of a file and of the command line, None when there are none."""
    if file is None:
        return list(texts) or None
    import yaml

    from modelkeep.validation import checks

    try:
        found = yaml.safe_load(Path(file).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise Invalid(f"The checks in '{file}' cannot be read: {' '.join(str(error).split())[:300]}") from None
    if not found or not isinstance(found, dict | list):
        raise Invalid(f"The file '{file}' holds no checks: write a list, or an object with a bound for each name.")
    return [*(checks.parse(found) or ()), *texts]
