"""Writes the pages of docs/ that can be derived from the code; `make docs`. A test compares them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click

from modelkeep.api.call import Call
from modelkeep.api.table import CALLS
from modelkeep.cli import codes
from modelkeep.cli.main import main
from modelkeep.cli.serve import default_text, environment_name
from modelkeep.config import Settings
from modelkeep.domain.actors import ROLES
from modelkeep.domain.events import KINDS
from modelkeep.domain.searching import ATTRIBUTE, DATASET, VOCABULARIES, Vocabulary
from modelkeep.storage import leads
from tools import policy_reference

DOCS = Path(__file__).parent.parent / "docs"


def settings() -> str:
    """docs/settings.md."""
    lines = [
        "# Settings",
        "",
        "Each setting is an option of `modelkeep serve`, an environment variable, and a key in the TOML file that",
        "`--config` or `MODELKEEP_CONFIG` names. The option wins over the variable, the variable over the file.",
        "",
        "| option | variable | key in the file | default | what it does |",
        "|---|---|---|---|---|",
    ]
    for setting in fields(Settings):
        option = f"--{setting.name.replace('_', '-')}"
        lines.append(
            f"| `{option}` | `{environment_name(setting.name)}` | `{setting.name}` "
            f"| {default_text(setting.default)} | {setting.metadata['help']} |"
        )
    lines += [
        "",
        "```toml",
        'host = "0.0.0.0"',
        "auth = true",
        'allowed_hosts = ["registry.example.com"]',
        "```",
    ]
    return "\n".join(lines) + "\n"


def events() -> str:
    """docs/events.md."""
    lines = [
        "# Events",
        "",
        "Every change to the registry is an event, written in the same transaction. Metrics, parameters, run tags and",
        "files are data of a run and no events.",
        "",
        "```sh",
        "curl 'http://127.0.0.1:5000/api/2.0/modelkeep/events?after=0&wait=30'",
        "```",
        "",
        "`after` is a position: ask again with the answer's `next_after`. `wait` (seconds, at most 20) makes the call wait",
        "for the first event. `model`, `actor`, `kind` (repeatable; a noun such as `version` means all its kinds), `from`",
        "and `to` (UTC milliseconds, inclusive) choose events, `limit` (at most 1,000) bounds the page.",
        "",
        "Each alias or stage that one call changed is an event of its own, with `from`, `to` and `cause`. Deleting a model",
        "is one event, `model.deleted`: its versions and aliases go with it as they stand, and `model.restored` brings",
        "them back.",
        "",
        "What an import brought is `….imported`, with its `origin` and whether it was the `first` time; stages and aliases it",
        "set are `stage.changed` and `alias.moved` as ever, with the cause `imported from …`.",
        "",
        "An event has `position`, `recorded_timestamp`, `actor`, `verified` (whether a token proved the name), `via`,",
        "`kind`, `schema`, `change_id` (shared by all that one call did), `request_id`, `sentence` and `payload`.",
        "",
        "| kind | schema | sentence |",
        "|---|---|---|",
    ]
    lines += [f"| `{name}` | {kind.schema} | {kind.sentence} |" for name, kind in KINDS.items()]
    return "\n".join(lines) + "\n"


def api() -> str:
    """docs/api.md."""
    lines = [
        "# The HTTP API",
        "",
        "MLflow's calls under MLflow's paths, and Modelkeep's own under `modelkeep/`. Each path stands below `/api/2.0/`",
        "(or the version named) and below `/ajax-api/2.0/`. `/api` on a running server shows the fields of each;",
        "`/api/openapi.json` is the OpenAPI document.",
        "",
        "| call | role | what it does | required |",
        "|---|---|---|---|",
    ]
    lines += [_call_row(call) for call in CALLS]
    return "\n".join(lines) + "\n"


def _call_row(call: Call) -> str:
    role = next(role for role, actions in ROLES.items() if call.action in actions)
    path = call.path if call.version == "2.0" else f"{call.path} ({call.version})"
    required = ", ".join(f"`{name}`" for name in call.required)
    return f"| `{call.method} {path}` | {role} | {call.summary} | {required} |"


def searching() -> str:
    """docs/searching.md."""
    lines = [
        "# Searching",
        "",
        "Filters are MLflow's language with more in it. What MLflow accepts means the same here, but for one thing: a",
        "doubled quote inside a quoted text is one quote (`'it''s'`), where MLflow keeps both.",
        "",
        "- Combine with `AND`, `OR`, `NOT` and parentheses. `NOT` of a comparison with a tag that is absent is true.",
        "- Compare with `=`, `!=`, `IN (…)`, `NOT IN (…)`; text also with `LIKE` and `ILIKE` (`%` and `_`; `ILIKE` ignores",
        "  the case of ASCII letters), numbers with `<`, `<=`, `>`, `>=`; what may be absent with `IS NULL`, `IS NOT NULL`.",
        "- Text is quoted with `'…'` or `\"…\"`; a key with spaces or dots after its prefix with backticks: ``tags.`a b` ``.",
        "- A search reads its rows in order until the page is full, unless a comparison that must hold (not one under a",
        "  `NOT`, nor beside one without an index in an `OR`) has an index, and few rows meet it: then it reads only them.",
        "  Without an index, a filter that few rows meet reads all of them. An index finds values by `=`, `IN`, a `LIKE` that",
        "  begins with a text, and for numbers by order; of the rest it finds those that have the key.",
        "- At most 100 comparisons, 1,000 values in an `IN`, 16 KiB altogether.",
        "",
        "```python",
        "client.search_model_versions(\"name = 'churn' AND (current_stage = 'Production' OR alias = 'champion')\")",
        'client.search_model_versions("metrics.auc > 0.9 AND tags.validation_status IS NULL")',
        "```",
    ]
    for vocabulary in VOCABULARIES.values():
        lines += ["", *_vocabulary(vocabulary)]
    return "\n".join(lines) + "\n"


def _vocabulary(vocabulary: Vocabulary) -> list[str]:
    lines = [
        f"## {vocabulary.title[0].upper()}{vocabulary.title[1:]}",
        "",
        f"Pages hold {vocabulary.default_results:,} by default, at most {vocabulary.most_results:,}.",
        "",
        "| key | type | also written | may order | index |",
        "|---|---|---|---|---|",
    ]
    for term in dict.fromkeys(vocabulary.attributes.values()):
        also = ", ".join(f"`{name}`" for name in term.also)
        lines.append(
            f"| `{term.name}` | {term.type} | {also} | {'yes' if term.sortable else ''} | {_index(vocabulary, ATTRIBUTE, term.name)} |"
        )
    for kind, term in vocabulary.kinds.items():
        prefixes = ", ".join(f"`{prefix}.<key>`" for prefix, of in vocabulary.prefixes.items() if of == kind)
        lines.append(
            f"| {prefixes} | {term.type} | | {'yes' if term.sortable else ''} | {_index(vocabulary, kind, '')} |"
        )
    for name in vocabulary.datasets:
        lines.append(f"| `dataset.{name}` | text | `datasets.{name}` | | {_index(vocabulary, DATASET, name)} |")
    return lines


def _index(vocabulary: Vocabulary, kind: str, key: str) -> str:
    if (vocabulary.noun, key) in leads.WALKED:
        return "in one experiment"
    return "yes" if leads.has_index(vocabulary.noun, kind, key) else ""


def cli() -> str:
    """docs/cli.md."""
    lines = [
        "# The command line",
        "",
        "`modelkeep NOUN VERB …`. `--help` after any of them says what it takes; `modelkeep doctor` says whether it works from",
        "here, and what to do if it does not.",
        "",
        "```sh",
        "export MODELKEEP_URI=http://127.0.0.1:5000    # or a data folder, without a server",
        "export MODELKEEP_TOKEN=mk_…                   # if the server wants one",
        "",
        "modelkeep register churn ./model --tag data=2026-01",
        "modelkeep alias set churn/1 champion",
        "modelkeep register churn ./model --tag data=2026-02",
        "modelkeep versions compare churn/latest churn@champion --differing",
        "modelkeep alias set churn/latest champion",
        "modelkeep verify models:/churn@champion",
        "modelkeep events --follow --kind alias.moved --json",
        "```",
        "",
        "- **Where.** Commands that talk to a registry take `--uri`, else `MODELKEEP_URI`, else `MLFLOW_TRACKING_URI` if it is a",
        "  server's, else `./modelkeep-data`. Only `models create` and `register` make a data folder; to the others one that is",
        "  not there is an error.",
        "- **VERSION** is `churn/3`, `churn@champion`, `churn/Production` or `churn/latest`, with or without `models:/` before it.",
        "- **Output.** On a terminal, tables with headers; in a pipe or file, lines of tab-separated cells without headers, times in",
        "  UTC, sizes in bytes. With `--json`, which all of these commands take, one JSON document; `events --follow` and `fsck`",
        "  print one object a line. Metrics that JSON has no number for are the texts `NaN`, `Infinity` and `-Infinity`.",
        "  `NO_COLOR` is respected.",
        "- **Errors** are one line on standard error. A delete asks first on a terminal, unless `--yes` is given.",
        "",
        "| code | meaning |",
        "|---|---|",
    ]
    lines += [f"| {code} | {meaning} |" for code, meaning in codes.MEANINGS.items()]
    lines += [
        "",
        "`serve`, `tokens`, `backup`, `restore` and `fsck` work on a data folder and end with 0, 1 or 2 only.",
        "",
        "`modelkeep completion bash` (or `zsh`, `fish`) prints a script that makes the shell complete commands and options.",
    ]
    context = click.Context(main, info_name="modelkeep")
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        lines += ["", f"## {name}", "", *_command(command, click.Context(command, context, name))]
    return "\n".join(lines) + "\n"


def _command(command: click.Command, context: click.Context) -> list[str]:
    lines = [*_help(command)]
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.commands[name]
            lines += ["", f"### {context.info_name} {name}", "", *_command(below, click.Context(below, context, name))]
        return lines
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    lines += ["", "```", usage, "```"]
    if command.name == "serve":
        return [*lines, "", "Its options are the settings: [settings.md](settings.md)."]
    options = [each for each in command.params if isinstance(each, click.Option) and each.name != "uri"]
    if any(each.name == "uri" for each in command.params):  # of these, the page tells once
        options = [each for each in options if each.name != "as_json"]
    if options:
        lines += ["", "| option | what it does |", "|---|---|"]
        lines += [f"| {_spelling(option, context)} | {option.help} |" for option in options]
    return lines


def _help(command: click.Command) -> Iterator[str]:
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    for number, paragraph in enumerate(paragraphs):
        if number:
            yield ""
        if paragraph.startswith("\b\n"):  # click's mark of lines that stay as they are
            yield from ["```", *paragraph.splitlines()[1:], "```"]
        elif paragraph.startswith("For example: "):
            yield f"For example: `{paragraph.removeprefix('For example: ')}`"
        else:
            yield from paragraph.splitlines()


def _spelling(option: click.Option, context: click.Context) -> str:
    names = ", ".join(f"`{name}`" for name in option.opts)
    return names if option.is_flag else f"{names} {option.make_metavar(context)}".replace("|", "\\|")


PAGES = {
    "cli.md": cli,
    "settings.md": settings,
    "events.md": events,
    "api.md": api,
    "searching.md": searching,
    "policies.md": policy_reference.page,
}

if __name__ == "__main__":
    for file, page in PAGES.items():
        (DOCS / file).write_text(page())
