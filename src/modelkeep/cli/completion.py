"""`modelkeep completion`: what makes a shell complete its commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that makes a shell complete commands and options.

    \b
    bash: eval "$(modelkeep completion bash)" in ~/.bashrc
    zsh:  eval "$(modelkeep completion zsh)" in ~/.zshrc
    fish: modelkeep completion fish > ~/.config/fish/completions/modelkeep.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(context.find_root().command, {}, "modelkeep", "_MODELKEEP_COMPLETE")
    click.echo(script.source_template % script.source_vars())
