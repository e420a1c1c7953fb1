"""`modelkeep policy`: the rules that guard targets."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelkeep.cli import outputs
from modelkeep.cli.clients import connected

if TYPE_CHECKING:
    from modelkeep.client.client import Client
    from modelkeep.client.policies import Standing

file_argument = click.argument("file", type=click.Path(dir_okay=False))


@click.group()
def policy() -> None:
    """Apply, show and try the policies that guard targets.

    A policy is a file of YAML; docs/policies.md is the reference.
    """


@policy.command()
@file_argument
@connected()
def lint(client: Client, file: str, as_json: bool) -> None:
    """Say how a policy would be understood, or what is wrong with it. Nothing is changed."""
    found = client.lint_policy(Path(file))
    if as_json:
        outputs.document(found.to_dictionary())
        return
    outputs.fields(
        (
            ("policy", found.policy),
            ("models", ", ".join(found.models)),
            ("targets", ", ".join(found.targets)),
            ("judges", ", ".join(found.moves)),
        )
    )
    outputs.table(
        ("rule", "on rollback"), ((rule, "yes" if rule in found.on_rollback else "no") for rule in found.rules)
    )


@policy.command()
@file_argument
@connected()
def apply(client: Client, file: str, as_json: bool) -> None:
    """Apply a policy, in the place of an earlier revision of its name.

    What stands in its targets stays there; `modelkeep policy standing` shows what would be refused today.

    For example: modelkeep policy apply production.yaml
    """
    found = client.apply_policy(Path(file))
    if as_json:
        outputs.document(found.to_dictionary())
    else:
        outputs.said(f"The policy '{found.policy}' is in force, as revision {found.revision}.")


@policy.command()
@click.argument("name")
@connected()
def retire(client: Client, name: str, as_json: bool) -> None:
    """Take a policy out of force; its revisions stay to be looked at."""
    client.retire_policy(name)
    if as_json:
        outputs.document({"policy": name, "retired": True})
    else:
        outputs.said(f"The policy '{name}' is no longer in force.")


@policy.command(name="list")
@connected()
def list_policies(client: Client, as_json: bool) -> None:
    """List the policies in force."""
    found = client.list_policies()
    if as_json:
        outputs.document([each.to_dictionary() for each in found])
    else:
        outputs.table(
            ("policy", "revision", "applied", "by"),
            ((each.policy, each.revision, outputs.moment(each.creation_timestamp), each.author) for each in found),
        )


@policy.command()
@click.argument("name")
@click.option("--revision", type=int, help="An earlier one. [default: that in force]")
@connected()
def show(client: Client, name: str, revision: int | None, as_json: bool) -> None:
    """Print a policy as it was applied."""
    found = client.get_policy(name, revision)
    if as_json:
        outputs.document(found.to_dictionary())
    elif found.document is None:
        outputs.said(f"Revision {found.revision} retired the policy '{name}'.")
    else:
        import yaml

        click.echo(yaml.safe_dump(found.document, sort_keys=False, allow_unicode=True), nl=False)


@policy.command()
@click.argument("name")
@connected()
def history(client: Client, name: str, as_json: bool) -> None:
    """List the revisions of a policy, the newest first."""
    found = client.policy_history(name)
    if as_json:
        outputs.document([each.to_dictionary() for each in found])
    else:
        outputs.table(
            ("revision", "applied", "by", ""),
            (
                (
                    each.revision,
                    outputs.moment(each.creation_timestamp),
                    each.author,
                    "retired" if each.document is None else "",
                )
                for each in found
            ),
        )


@policy.command(name="test")
@file_argument
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="How many promotions.")
@connected()
def try_out(client: Client, file: str, limit: int, as_json: bool) -> None:
    """Say what a policy would have said of the last promotions into its targets. Nothing is changed.

    Evidence counts when it had been recorded by then. Of tags and descriptions only today's are known, so of rules about them
    nobody can tell.
    """
    found = client.test_policy(Path(file), limit)
    if as_json:
        outputs.document([each.to_dictionary() for each in found])
        return
    outputs.table(
        ("model", "version", "target", "at", "the policy", "why"),
        (
            (
                each.model,
                each.version,
                each.target,
                outputs.moment(each.timestamp),
                each.outcome,
                "; ".join(each.reasons),
            )
            for each in found
        ),
    )
    counts = Counter(each.outcome for each in found)
    outputs.said(
        f"Of {len(found):,} promotions {counts['would pass']:,} would pass, {counts['would refuse']:,} would be refused, and "
        f"of {counts['cannot tell']:,} nobody can tell."
    )


def _why(standing: Standing) -> str:
    return "; ".join(
        f"{verdict.rule}: {verdict.reason}"
        for judgement in standing.judgements
        for verdict in judgement.verdicts
        if verdict.outcome != "passed"
    )


@policy.command()
@click.argument("name", metavar="MODEL")
@connected()
def standing(client: Client, name: str, as_json: bool) -> None:
    """Show the versions of a model in guarded targets, and whether they would be let in today."""
    found = client.standing(name)
    if as_json:
        outputs.document([each.to_dictionary() for each in found])
    else:
        outputs.table(
            ("target", "version", "today", "why"),
            (
                (each.target, each.version, "would pass" if each.passes else "would be refused", _why(each))
                for each in found
            ),
        )
