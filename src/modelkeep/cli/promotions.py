"""`modelkeep promote`, `rollback`, `history`, `who` and `override`: versions on their way to targets, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from modelkeep.cli import codes, outputs
from modelkeep.cli.clients import connected, every, limited, number_of, version_of

if TYPE_CHECKING:
    from modelkeep.client.client import Client
    from modelkeep.client.promotions import Explanation, Holding, Judgement

_PAGE = 1000
target_option = click.option(
    "--to", "target", required=True, metavar="TARGET", help="A stage, as Production, or an alias, as @champion."
)
reason_option = click.option("--reason", metavar="TEXT", help="Why, for the history.")
expected_option = click.option(
    "--expect", "expected", metavar="VERSION", help="Only if this version holds the target now; 0 for none."
)


@click.command()
@click.argument("name")
@click.argument("version", required=False)
@target_option
@click.option("--dry-run", is_flag=True, help="Only say what each rule says; ends with 1 when it would be refused.")
@click.option("--keep-existing", is_flag=True, help="Leave the other versions of a stage where they are.")
@expected_option
@reason_option
@click.option("--force", is_flag=True, help="Promote although a policy refuses it; needs --reason and the permission.")
@connected()
def promote(
    client: Client,
    name: str,
    version: str | None,
    target: str,
    dry_run: bool,
    keep_existing: bool,
    expected: str | None,
    reason: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Move a version to a target, if the policies that guard it let it pass.

    The other versions of a stage go to Archived. A refusal names each rule that failed, and ends with 1.

    For example: modelkeep promote churn 4 --to Production --dry-run
    """
    named = version_of(name, version)
    number = number_of(client, named)
    archive = False if keep_existing else None
    if dry_run:
        explanation = client.explain_promotion(named.name, number, target, archive_existing_versions=archive)
        if as_json:
            outputs.document(explanation.to_dictionary())
        else:
            _say(explanation)
        if not explanation:
            raise SystemExit(codes.REFUSED)
        return
    promoted = client.promote(
        named.name,
        number,
        target,
        archive_existing_versions=archive,
        expected_version=expected,
        reason=reason,
        force=force,
    )
    if as_json:
        outputs.document(promoted.to_dictionary())
    else:
        outputs.said(f"Version {promoted.version} of '{promoted.name}' holds {target}.")


def _say(explanation: Explanation) -> None:
    if not explanation.judgements:
        outputs.said(f"No policy guards {explanation.target}.")
    judgements(explanation.judgements)
    if not any(not each.passed for each in explanation.judgements):
        outputs.said(explanation.message)


def judgements(found: Iterable[Judgement]) -> None:
    """Print what each rule said."""
    outputs.table(
        ("policy", "move", "rule", "says", "why"),
        (
            (each.policy, f"{each.move} {each.target}", verdict.rule, verdict.outcome, verdict.reason)
            for each in found
            for verdict in each.verdicts
        ),
    )


@click.command()
@click.argument("name")
@click.argument("target")
@expected_option
@reason_option
@connected()
def rollback(client: Client, name: str, target: str, expected: str | None, reason: str | None, as_json: bool) -> None:
    """Give a target back to the version that held it before.

    Versions that were deleted, or that a rule marked on_rollback refuses, are passed over. Again goes back further.

    For example: modelkeep rollback churn @champion --reason "errors since 12:00"
    """
    version = client.rollback(name, target, expected_version=expected, reason=reason)
    if as_json:
        outputs.document(version.to_dictionary())
    else:
        outputs.said(f"{target} of '{name}' is back at version {version.version}.")


@click.command()
@click.argument("name")
@click.argument("target")
@click.option("--at", metavar="TIME", help="Only who held it then: 2026-01-31T12:00 (UTC), or #1234 for an event.")
@limited
@connected()
def history(client: Client, name: str, target: str, at: str | None, limit: int | None, as_json: bool) -> None:
    """Show which versions held a target, the newest first, and who put them there.

    For example: modelkeep history churn @champion
    """
    if at is not None:
        version = client.target_at(name, target, at)
        if as_json:
            outputs.document(version.to_dictionary())
        else:
            outputs.said(version.version)
        return
    found = every(lambda size, token: client.history(name, target, max_results=size, page_token=token), limit, _PAGE)
    if as_json:
        outputs.document([each.to_dictionary() for each in found])
    else:
        outputs.table(
            ("version", "from", "until", "by", "cause", "reason"),
            ([each.version, *_times(each), each.actor, _cause(each), each.reason or ""] for each in found),
        )


def _times(holding: Holding) -> tuple[str | None, str | None]:
    until = "" if holding.until is None else outputs.moment(holding.until)
    return outputs.moment(holding.since), until


def _cause(holding: Holding) -> str:
    cause = f"{holding.cause} to #{holding.returns_to}" if holding.returns_to else holding.cause
    return f"{cause}, forced" if holding.forced else cause


@click.command()
@click.argument("name")
@click.argument("target")
@connected()
def who(client: Client, name: str, target: str, as_json: bool) -> None:
    """Show which version holds a target, and who put it there when and why."""
    found = client.who(name, target)
    if as_json:
        outputs.document(None if found is None else found.to_dictionary())
    elif found is None:
        outputs.said(f"No version of '{name}' holds {target}.")
    else:
        outputs.fields(
            (
                ("version", found.version),
                ("since", outputs.moment(found.since)),
                ("by", found.actor if found.verified else f"{found.actor} (unverified)"),
                ("cause", _cause(found)),
                ("reason", found.reason),
                ("policies", ", ".join(f"{each['policy']} {each['revision']}" for each in found.policies)),
                ("change", found.change_id),
            )
        )


@click.group()
def override() -> None:
    """Follow up promotions that were forced past a policy."""


@override.command(name="list")
@click.argument("name")
@connected()
def list_overrides(client: Client, name: str, as_json: bool) -> None:
    """List the forced promotions of a model that nobody has followed up."""
    found = client.list_overrides(name)
    if as_json:
        outputs.document([each.to_dictionary() for each in found])
    else:
        outputs.table(
            ("position", "version", "target", "by", "at", "reason"),
            (
                (each.position, each.version, each.target, each.actor, outputs.moment(each.timestamp), each.reason)
                for each in found
            ),
        )


@override.command()
@click.argument("position", type=int)
@click.option("--note", required=True, help="What was found and done.")
@connected()
def close(client: Client, position: int, note: str, as_json: bool) -> None:
    """Say how a forced promotion was followed up."""
    closed = client.close_override(position, note)
    if as_json:
        outputs.document(closed.to_dictionary())
    else:
        outputs.said(f"The forced promotion of version {closed.version} to {closed.target} is closed.")
