"""`modelkeep evidence`: what was measured of the files of versions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from modelkeep.cli import outputs
from modelkeep.cli.clients import connected, every, limited, number_of, pairs_of, text_of, version_of
from modelkeep.domain.errors import Invalid

if TYPE_CHECKING:
    from modelkeep.client.client import Client
    from modelkeep.client.entities import Evidence

_PAGE = 1000
_FIELDS = ("passed", "tool", "dataset_name", "dataset_digest", "environment")


@click.group()
def evidence() -> None:
    """Add and list what was measured of a version's files.

    A version is named as churn 3 or churn @champion, or in one word as churn/3. Evidence is about the bytes of its files:
    it holds for every version of the same bytes, and is never changed.
    """


@evidence.command()
@click.argument("name")
@click.argument("version", required=False)
@click.option("--kind", required=True, help="What was done, as validation or load-test.")
@click.option("--file", metavar="FILE", help="A report as JSON; - is standard input.")
@click.option("--value", "values", multiple=True, metavar="KEY=NUMBER", help="A value. Repeatable.")
@click.option("--passed/--failed", default=None, help="What came out. [default: only measured]")
@click.option("--tool", help="What measured.")
@click.option("--dataset", metavar="NAME", help="The data set that was measured on.")
@click.option("--dataset-digest", metavar="DIGEST", help="Its digest.")
@connected()
def add(
    client: Client,
    name: str,
    version: str | None,
    kind: str,
    file: str | None,
    values: tuple[str, ...],
    passed: bool | None,
    tool: str | None,
    dataset: str | None,
    dataset_digest: str | None,
    as_json: bool,
) -> None:
    """Add evidence about the files of a version.

    For example: modelkeep evidence add churn 3 --kind load-test --value p99_ms=41.5 --passed

    From a FILE, an object in JSON, passed, tool, dataset_name, dataset_digest, values (or metrics) and environment are
    taken as what they say; everything else in it is kept as details. Options win over what the file says.
    """
    given = _report(file) if file is not None else {}
    measured = given.pop("values", None)
    if measured is None:
        measured = given.pop("metrics", None)
    arguments = {field: given.pop(field, None) for field in _FIELDS}
    for field, option in (
        ("passed", passed),
        ("tool", tool),
        ("dataset_name", dataset),
        ("dataset_digest", dataset_digest),
    ):
        if option is not None:
            arguments[field] = option
    named = version_of(name, version)
    reply = client.call(
        "evidence.add",
        name=named.name,
        version=number_of(client, named),
        kind=kind,
        values=_with_numbers(measured, values),
        details=given or None,
        **arguments,
    )
    from modelkeep.client.entities import evidence as from_shape

    added = from_shape(reply.evidence)
    if as_json:
        outputs.document(added.to_dictionary())
    else:
        outputs.said(
            f"{kind} evidence with {len(added.values):,} values was added about the files with the digest {added.digest}."
        )


def _report(file: str) -> dict[str, Any]:
    try:
        report = json.loads(text_of(None, file))
    except (ValueError, RecursionError) as error:
        raise Invalid(f"The file '{file}' is not JSON: {str(error)[:200]}.") from None
    if not isinstance(report, dict):
        raise Invalid(f"The file '{file}' holds no object in JSON, which a report must be.")
    return report


def _with_numbers(measured: Any, texts: tuple[str, ...]) -> Any:
    if not texts:
        return measured
    if measured is not None and not isinstance(measured, dict):
        raise Invalid("The values of the report are no object with a number for each key.")
    numbers: dict[str, Any] = dict(measured or {})
    for key, text in pairs_of(texts, "value", "key=number").items():
        try:
            numbers[key] = float(text)
        except ValueError:
            raise click.BadParameter(f"'{text}' is no number: write a value as key=0.5.") from None
    return numbers


@evidence.command(name="list")
@click.argument("name")
@click.argument("version", required=False)
@click.option("--kind", help="Only of this kind; run is what the registry took from the version's run.")
@limited
@connected()
def list_evidence(
    client: Client, name: str, version: str | None, kind: str | None, limit: int | None, as_json: bool
) -> None:
    """List the evidence about the files of a version, newest first.

    Prints for each when it was added, its kind, what came out, who added it, with which tool, on which data set, and its
    values.
    """
    named = version_of(name, version)
    number = number_of(client, named)
    found = every(
        lambda size, token: client.list_evidence(named.name, number, kind=kind, max_results=size, page_token=token),
        limit,
        _PAGE,
    )
    if as_json:
        outputs.document([each.to_dictionary() for each in found])
        return
    outputs.table(
        ("added", "kind", "outcome", "by", "tool", "data set", "values"),
        (
            (
                outputs.moment(each.creation_timestamp),
                each.kind,
                _outcome(each),
                each.producer if each.verified else f"{each.producer} (unverified)",
                each.tool,
                each.dataset_name,
                each.values,
            )
            for each in found
        ),
    )


def _outcome(evidence: Evidence) -> str:
    return "measured" if evidence.passed is None else "passed" if evidence.passed else "failed"
