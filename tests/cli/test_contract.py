"""What all commands have in common: options, JSON, silence, and the command that follows."""

import json

import click
import pytest

from serbench.cli.main import cli


def commands(context=None):
    """The contexts of all commands that do something."""
    context = context or click.Context(cli, info_name="serbench")
    group = context.command
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        below = click.Context(command, info_name=name, parent=context)
        if isinstance(command, click.Group):
            yield from commands(below)
            if command.invoke_without_command:
                yield below
        else:
            yield below


def test_every_command_has_the_common_options_and_json():
    found = {context.command_path: context.command for context in commands()}
    assert len(found) > 40
    for path, command in found.items():
        options = {name: each for each in command.params for name in each.opts}
        assert {"--db", "--debug", "--quiet", "-q", "--format"} <= options.keys(), path
        choices = list(options["--format"].type.choices)
        assert "json" in choices[1:], path
        assert options["--format"].default == choices[0] in ("table", "text", "csv"), path
        assert command.help, path


READING = [
    ("corpus", "list"),
    ("corpus", "show", "tiny"),
    ("corpus", "doctor", "tiny"),
    ("protocol", "list"),
    ("protocol", "show", "speaker-2", "--dataset", "tiny", "--no-fingerprints"),
    ("protocol", "clips", "speaker-2", "--dataset", "tiny"),
    ("study", "list"),
    ("study", "show", "1"),
    ("study", "watch"),
    ("leaderboard",),
    ("leaderboard", "show", "1"),
    ("leaderboard", "export-predictions", "1"),
    ("leaderboard", "rescore"),
    ("recommend",),
    ("db", "info"),
    ("db", "check"),
    ("cache", "list"),
    ("completion", "bash"),
]
"""Commands that change nothing."""

NAMING = frozenset(
    {
        *("corpus list", "corpus show", "corpus doctor", "protocol list", "protocol show"),
        *("study list", "study show", "study watch", "leaderboard", "leaderboard show"),
        *("leaderboard rescore", "recommend"),
    }
)
"""Those of them that name the next command."""


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_results_are_json_silence_is_kept_and_the_next_command_exists(run, finished, command):
    chosen = (*command, "--db", finished.db)
    plain, silent, data = (
        run(*chosen),
        run(*chosen, "--quiet"),
        run(*chosen, "--format", "json", "-q"),
    )
    assert [each.code for each in (plain, silent, data)] == [0, 0, 0], plain.err
    assert (silent.out, silent.err, data.err) == (plain.out, "", "")
    json.loads(data.out, parse_constant=pytest.fail)
    named = [line for line in plain.err.splitlines() if line.startswith("next: serbench ")]
    name = " ".join(word for word in command[:2] if word.replace("-", "").isalpha())
    assert len(named) == (name in NAMING), plain.err
    for line in named:
        words = line.removeprefix("next: serbench ").split()
        context = click.Context(cli, info_name="serbench")
        while isinstance(context.command, click.Group) and words:
            command = context.command.get_command(context, words[0])
            if command is None:
                break
            context = click.Context(command, info_name=words.pop(0), parent=context)
        assert context.parent is not None, line
        options = {name for each in context.command.params for name in each.opts}
        assert {word for word in words if word.startswith("--")} <= options, line
