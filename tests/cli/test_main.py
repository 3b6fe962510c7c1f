"""The entry of the command line: what it imports, its exit codes, what it prints on errors."""

import subprocess
import sys

import click
import pytest
from refusals import error_of

from serbench import __version__
from serbench.cli.main import COMMANDS, cli
from serbench.cli.plugins import list_command
from serbench.errors import SerbenchError, UsageError

PARAGRAPH = "\n\n"

HEAVY = {"torch", "numpy", "pandas", "optuna", "sqlalchemy", "timm", "rich"}

TRAINING = {"torch", "torchaudio", "timm", "optuna", "sklearn", "safetensors"} | {
    *("scipy.stats", "scipy.optimize", "scipy.sparse", "pandas", "cpuinfo")
}
"""What takes long to import, and is needed only to train or to measure."""


def serbench(*arguments, **options):
    """The command line in a process of its own."""
    command = [sys.executable, "-X", "importtime", "-m", "serbench.cli.main", *arguments]
    return subprocess.Popen(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


@pytest.fixture
def ends_in(monkeypatch):
    """``ends_in(error)`` makes ``plugins list`` raise it."""

    def end_in(error):
        def fail(*_, **__):
            raise error

        monkeypatch.setattr(list_command, "callback", fail)

    return end_in


def run_alone(*arguments):
    """What it prints, and the packages and modules it imports."""
    out, err = serbench(*arguments).communicate()
    lines = [line for line in err.splitlines() if line.startswith("import time:")]
    modules = {line.rpartition("|")[2].strip() for line in lines}
    return out, modules | {module.partition(".")[0] for module in modules}


def test_help_lists_every_command_and_imports_nothing_heavy():
    out, imported = run_alone("--help")
    assert "click" in imported
    assert imported & HEAVY == set()
    for name, (_, text) in COMMANDS.items():
        assert f"  {name}" in out
        assert text in out


@pytest.mark.parametrize(
    "command",
    [
        *(("leaderboard", "--format", each) for each in ("table", "json", "csv", "markdown")),
        ("leaderboard", "--threads", "all", "--per-clip-intervals"),
        ("leaderboard", "show", "1"),
        ("recommend",),
        ("study", "list"),
    ],
    ids=" ".join,
)
def test_looking_at_results_imports_nothing_that_trains(finished, command):
    out, imported = run_alone(*command, "--db", str(finished.db))
    assert out
    assert "sqlalchemy" in imported
    assert imported & TRAINING == set()


def test_a_closed_pipe_is_no_error_message():
    process = serbench("--help")
    process.stdout.close()
    assert [line for line in process.stderr if not line.startswith("import time:")] == []
    assert process.wait() == 1
    process.stderr.close()


def test_the_version_is_printed(run):
    assert run("--version").out == f"serbench, version {__version__}\n"


@pytest.mark.parametrize("group", ["corpus", "study", "plugins"])
def test_a_group_alone_shows_its_commands(run, group):
    ran = run(group)
    assert ran.code == 2
    assert "Commands:" in ran.out + ran.err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(run, command):
    ran = run(command, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"Usage: serbench {command}")


def test_an_unknown_command_is_a_usage_error(run):
    ran = run("stduy")
    assert ran.code == 2
    assert ran.out == ""
    assert "'stduy'" in ran.err


def test_an_unknown_option_is_a_usage_error(run):
    ran = run("plugins", "list", "--colour")
    assert ran.code == 2
    assert "--colour" in ran.err


@pytest.mark.parametrize(("error", "code"), [(SerbenchError, 1), (UsageError, 2)])
def test_an_error_of_ours_is_one_line_and_its_exit_code(run, ends_in, error, code):
    ends_in(error("this is wrong: do that"))
    ran = run("plugins", "list")
    assert (ran.code, ran.out, ran.err) == (code, "", "error: this is wrong: do that\n")


@pytest.mark.parametrize("place", [("--debug", "plugins", "list"), ("plugins", "list", "--debug")])
def test_debug_shows_where_an_error_of_ours_comes_from(run, ends_in, place):
    ends_in(SerbenchError("this is wrong"))
    with pytest.raises(SerbenchError):
        run(*place)


def test_an_error_that_is_not_ours_keeps_its_traceback(run, ends_in):
    ends_in(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        run("plugins", "list")


def test_ctrl_c_has_an_exit_code_of_its_own(run, ends_in):
    ends_in(KeyboardInterrupt())
    ran = run("plugins", "list")
    assert ran.code == 130
    assert "interrupted" in ran.err
    assert "Traceback" not in ran.err


def test_the_database_may_be_named_before_and_after_the_command(run, finished):
    before = run("--db", finished.db, "corpus", "list")
    after = run("corpus", "list", "--db", finished.db)
    assert before == after
    assert "tiny" in after.out


def test_of_two_databases_the_one_after_the_command_is_used(run, finished, tmp_path):
    ran = run("--db", tmp_path / "other.db", "corpus", "list", "--db", finished.db)
    assert "tiny" in ran.out
    assert not (tmp_path / "other.db").exists()


def test_a_database_may_be_a_url(run, finished):
    assert "tiny" in run("corpus", "list", "--db", f"sqlite:///{finished.db}").out


def test_the_environment_names_the_database_where_the_command_does_not(run, finished, monkeypatch):
    monkeypatch.setenv("SERBENCH_DB", str(finished.db))
    assert "tiny" in run("corpus", "list").out


def test_a_database_that_cannot_be_is_one_line(run, tmp_path):
    ran = run("corpus", "list", "--db", tmp_path / "nowhere" / "serbench.db")
    assert str(tmp_path / "nowhere" / "serbench.db") in error_of(ran, 1)


def options_of_one_value(command, names=()):
    """The words of each command of the command line, with each of its options of one value."""
    for each in command.params:
        if isinstance(each, click.Option) and not (each.multiple or each.is_flag):
            yield *names, each.opts[-1]
    if isinstance(command, click.Group):
        with click.Context(command) as ctx:
            for name in command.list_commands(ctx):
                yield from options_of_one_value(command.get_command(ctx, name), (*names, name))


def test_every_option_of_one_value_is_refused_if_it_is_given_twice():
    asked = list(options_of_one_value(cli))
    assert {("--db",), ("corpus", "scan", "--dataset"), ("leaderboard", "--format")} <= {*asked}
    for *words, option in asked:
        with pytest.raises(click.BadOptionUsage) as refusal:
            cli([*words, option, "1", option, "1"], standalone_mode=False)
        assert (refusal.value.option_name, refusal.value.exit_code) == (option, 2)
        assert refusal.value.ctx.command_path.split()[1:] == words


@pytest.mark.parametrize("group", ["corpus", "protocol", "study", "leaderboard", "db", "plugins"])
def test_a_group_lists_its_commands_with_whole_sentences(run, group):
    shown = " ".join(run(group, "--help").out.split())
    command = cli.get_command(click.Context(cli), group)
    for name, below in command.commands.items():
        assert f"{name} {' '.join(below.help.partition(PARAGRAPH)[0].split())}" in shown


def test_no_line_of_a_help_text_is_broken_at_a_hyphen(terminal):
    shown = terminal(78, "study", "run", "--help")
    assert "[default: half-cycle]" in " ".join(shown.split())
    assert not any(line.endswith("-") for line in shown.splitlines())
