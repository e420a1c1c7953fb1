"""`modelkeep serve`: run the server."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import click

from modelkeep import config
from modelkeep.config import Settings


def _option(setting: Any) -> click.Option:
    name = setting.name.replace("_", "-")
    help = f"{setting.metadata['help']} [{environment_name(setting.name)}; default {default_text(setting.default)}]"
    if isinstance(setting.default, bool):
        return click.Option([f"--{name}/--no-{name}"], default=None, help=help)
    if isinstance(setting.default, int):
        return click.Option([f"--{name}"], type=int, default=None, help=help)
    return click.Option([f"--{name}"], default=None, help=help)


def environment_name(name: str) -> str:
    """The variable of a setting."""
    return f"MODELKEEP_{name.upper()}"


def default_text(value: Any) -> str:
    """A default as a person reads it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value) if value not in ("", ()) else "none"


@click.command()
@click.option("--config", "file", default=None, help="TOML file with settings. [MODELKEEP_CONFIG]")
def serve(file: str | None, **given: Any) -> None:
    """Run the server until Ctrl-C or SIGTERM, which let the requests in flight finish."""
    settings = config.load(given, file=file)
    from modelkeep import serve as composition

    composition.serve(settings)


serve.params += [_option(setting) for setting in fields(Settings)]
