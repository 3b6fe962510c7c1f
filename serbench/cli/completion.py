"""``serbench completion``: completion of commands, options and names in a shell."""

from __future__ import annotations

import click

from serbench.cli.app import Command, common_options
from serbench.cli.output import emit_json, format_option
from serbench.cli.remarks import next_command

INSTALL = {
    "bash": 'eval "$(serbench completion bash)" in ~/.bashrc',
    "zsh": 'eval "$(serbench completion zsh)" in ~/.zshrc',
    "fish": "serbench completion fish | source in ~/.config/fish/config.fish",
}
"""Shell → the line that turns the completion on, and its file."""


@click.command("completion", cls=Command)
@click.argument("shell", type=click.Choice(tuple(INSTALL)))
@format_option("text", "json")
@common_options
def completion(shell: str, format_: str) -> None:
    """Print the completion script of SHELL: commands, options, entries, datasets, names of plugins.

    In bash, write eval "$(serbench completion bash)" into ~/.bashrc; in zsh the same with zsh into
    ~/.zshrc; in fish, write serbench completion fish | source into ~/.config/fish/config.fish.
    """
    from click.shell_completion import get_completion_class

    from serbench.cli.main import COMPLETE_VARIABLE, cli

    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(cli, {}, "serbench", COMPLETE_VARIABLE).source()
    if format_ == "json":
        emit_json({"shell": shell, "script": script, "install": INSTALL[shell]})
    else:
        click.echo(script)
        next_command(f"write the line {INSTALL[shell]}")
