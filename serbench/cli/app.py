"""The workspace, the database, the plugins and the options that all commands share."""

from __future__ import annotations

import gc
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import click

from serbench.plugin_choice import NO_PLUGINS_VARIABLE

if TYPE_CHECKING:
    from serbench.plugins import Plugins
    from serbench.store.database import Database
    from serbench.workspace import Workspace

Function = TypeVar("Function", bound=Callable[..., Any])


@contextmanager
def without_collector() -> Iterator[None]:
    """Pause the collector of cyclic garbage in a command that reads, prints and ends.

    It would visit the objects of all imported modules several times, a tenth of the command's time.
    """
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


class App:
    """One run of the command line; everything is made when it is first asked for."""

    def __init__(self) -> None:
        self.database_option: str | None = None
        self.debug = False
        self.quiet = False
        # An interruption that is no error; kept, since a discarded one is raised again.
        self.interruption: KeyboardInterrupt | None = None

    @cached_property
    def workspace(self) -> Workspace:
        """The folders and the database of this run."""
        from serbench.workspace import find_workspace

        return find_workspace(self.database_option)

    @cached_property
    def database(self) -> Database:
        """The database, opened at its first use; it must exist, except for a scan."""
        from serbench.store.database import Database

        return Database(self.workspace.database_url, create=False)

    @cached_property
    def plugins(self) -> Plugins:
        """All plugins."""
        from serbench.plugins import Plugins

        return Plugins()


JOINED = "\N{NON-BREAKING HYPHEN}"


class WholeWords(click.HelpFormatter):
    """Help texts whose lines are not broken at hyphens: until then all hyphens are joined ones."""

    def write(self, string: str) -> None:
        """Write lines, with usual hyphens."""
        super().write(string.replace(JOINED, "-"))

    def write_text(self, text: str) -> None:
        """Write a paragraph."""
        super().write_text(text.replace("-", JOINED))

    def write_dl(self, rows: Iterable[tuple[str, str]], *args: Any, **options: Any) -> None:
        """Write terms with their meanings."""
        joined = [(term, meaning.replace("-", JOINED)) for term, meaning in rows]
        super().write_dl(joined, *args, **options)


class Context(click.Context):
    """The context of a command, which determines the layout of its help text."""

    formatter_class = WholeWords


class Command(click.Command):
    """A command that refuses an empty path, and an option of one value if it is given twice."""

    context_class = Context

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse after checks: click alone would use only the last value of an option.

        An empty path, which an unset variable of a shell gives, would be the current folder.
        """
        given, _, order = self.make_parser(ctx).parse_args(list(args))
        for parameter in order:
            value = given.get(parameter.name or "")
            if isinstance(parameter.type, click.Path) and "" in (
                value if isinstance(value, list | tuple) else [value]
            ):
                raise click.BadParameter(
                    "the path is empty: name a file or a folder", ctx, parameter
                )
        options = (each for each in order if isinstance(each, click.Option))
        for parameter, count in Counter(options).items():
            if count > 1 and not (parameter.multiple or parameter.is_flag):
                raise click.BadOptionUsage(
                    parameter.opts[0],
                    f"{parameter.opts[0]} takes one value and is given {count} times: give it once",
                    ctx,
                )
        return super().parse_args(ctx, args)


class Group(Command, click.Group):
    """A group of such commands, with the same rule for its own options."""

    command_class = Command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with their whole first sentences; click alone would cut them."""
        found = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [(name, each.get_short_help_str(500)) for name, each in found if each is not None]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def common_options(command: Function) -> Function:
    """Add ``--db``, ``--quiet``, ``--debug`` and ``--no-plugins``, before and after a name.

    Every command has them.
    """

    def set_database(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
        if value is not None:
            ctx.ensure_object(App).database_option = value

    def set_debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        if value:
            ctx.ensure_object(App).debug = True

    def set_quiet(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        if value:
            ctx.ensure_object(App).quiet = True

    def leave_out_plugins(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        if not value:
            return
        # Processes that are started inherit the variable.
        before = os.environ.get(NO_PLUGINS_VARIABLE, "0")
        os.environ[NO_PLUGINS_VARIABLE] = "1"
        ctx.find_root().call_on_close(lambda: os.environ.update({NO_PLUGINS_VARIABLE: before}))

    add_quiet = click.option(
        "--quiet",
        "-q",
        is_flag=True,
        expose_value=False,
        callback=set_quiet,
        help="Print only the result and errors; by default also progress, remarks and the command "
        "that usually follows.",
    )
    add_database = click.option(
        "--db",
        metavar="FILE|URL",
        expose_value=False,
        callback=set_database,
        help="Use the database at this path or URL; by default $SERBENCH_DB, or serbench.db in "
        "the current folder.",
    )
    add_debug = click.option(
        "--debug",
        is_flag=True,
        expose_value=False,
        callback=set_debug,
        help="Show the traceback of an error; by default only its message is shown.",
    )
    add_no_plugins = click.option(
        "--no-plugins",
        is_flag=True,
        expose_value=False,
        callback=leave_out_plugins,
        help="Load only the built-in plugins; by default also those of all installed packages.",
    )
    return add_database(add_quiet(add_debug(add_no_plugins(command))))


pass_app = click.make_pass_decorator(App, ensure=True)

yes_option = click.option(
    "--yes",
    is_flag=True,
    help="Delete without a question; by default the command asks, or refuses without a terminal.",
)


def confirm(what: str, yes: bool) -> None:
    """Ask before something is deleted; without a terminal ``--yes`` must be given.

    Args:
        what: the action, such as ``delete entry 3``.
        yes: whether ``--yes`` was given.

    Raises:
        UsageError: there is no terminal to ask at.
        click.Abort: the answer is no.
    """
    from serbench.errors import UsageError

    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            f"this command would {what}, and there is no terminal to ask at: add --yes to do it",
            would=what,
        )
    click.confirm(f"{what}?", abort=True)
