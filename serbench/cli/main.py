"""The entry point of the command line, which loads commands when used and reports errors."""

from __future__ import annotations

import gc
import importlib
import io
import sys
from collections.abc import Sequence

import click

from serbench import __version__
from serbench.cli.app import App, Group, common_options
from serbench.cli.interrupts import interrupted_once
from serbench.cli.output import emit_text
from serbench.data.names import printable
from serbench.errors import SerbenchError

COMMANDS = {
    "corpus": (
        "serbench.cli.corpus:corpus",
        "Scan recordings into datasets; list, check and delete datasets.",
    ),
    "protocol": ("serbench.cli.protocol:protocol", "List protocols; show their folds and leaks."),
    "search": (
        "serbench.cli.search:search",
        "Compare the usual systems on recordings, and recommend one.",
    ),
    "study": (
        "serbench.cli.study:study",
        "Search for the best configuration of a backbone.",
    ),
    "leaderboard": ("serbench.cli.leaderboard:leaderboard", "Rank the results of all studies."),
    "latency": ("serbench.cli.latency:latency", "Measure the time for one answer in runtimes."),
    "recommend": ("serbench.cli.recommend:recommend", "Recommend one entry to ship."),
    "evaluate": ("serbench.cli.evaluate:evaluate", "Score an entry on another dataset."),
    "plot": ("serbench.cli.plot:plot", "Draw charts of a dataset, a study, an entry or a ranking."),
    "report": ("serbench.cli.report:report", "Make figures and tables of the results."),
    "publish": ("serbench.cli.publish:publish", "Write the results as a site for browsers."),
    "serve": ("serbench.cli.serve:serve", "Serve the site of the results while studies run."),
    "export": ("serbench.cli.export:export", "Write an entry as one file for a device."),
    "predict": (
        "serbench.cli.predict:predict",
        "Predict the emotions of recordings with an entry or a file.",
    ),
    "listen": ("serbench.cli.listen:listen", "Predict emotions live, from a microphone."),
    "db": ("serbench.cli.db:db", "Show, check, copy and merge databases with their weights files."),
    "cache": ("serbench.cli.cache:cache", "List and delete features and prepared clips."),
    "plugins": ("serbench.cli.plugins:plugins", "List, check and create plugins."),
    "dashboard": (
        "serbench.cli.dashboard:dashboard",
        "Show studies in optuna-dashboard, in a browser.",
    ),
    "doctor": ("serbench.cli.doctor:doctor", "Check this machine; say what to do."),
    "completion": (
        "serbench.cli.completion:completion",
        "Print the completion of commands and names for a shell.",
    ),
}

INTERRUPTED = 130

COMPLETE_VARIABLE = "_SERBENCH_COMPLETE"
"""The environment variable with which the script of a shell asks for completions."""


class LazyGroup(Group):
    """A group that imports a command when it is called, not when it is listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="serbench")
@common_options
def cli() -> None:
    """Find the best small system for speech emotion recognition.

    \b
    serbench corpus scan FOLDER --dataset mine
    serbench study run --dataset mine
    serbench leaderboard
    """  # noqa: D301


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 success, 1 failure, 2 wrong usage, 130 interrupted.

    Args:
        arguments: of the command; by default those of this process, which then ends.
    """
    app = App()
    if isinstance(sys.stdout, io.TextIOWrapper):  # file names may not be UTF-8
        sys.stdout.reconfigure(errors="backslashreplace")
    code = _run(app, arguments)
    if arguments is None:
        gc.freeze()  # The last collection would visit all objects, which takes a tenth of a second.
    sys.exit(code)


def _run(app: App, arguments: Sequence[str] | None) -> int:
    """Run the command line; gives the exit code."""
    try:
        with interrupted_once(ends=arguments is None):
            code = cli.main(args=arguments, obj=app, standalone_mode=False, prog_name="serbench")
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("\ninterrupted: run the same command again to continue", err=True)
        code = INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader has closed the pipe, as `| head` does
        code = 1
    except SerbenchError as error:
        if app.debug:
            raise
        emit_text(f"error: {printable(str(error))}", err=True)
        code = error.exit_code
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    main()
