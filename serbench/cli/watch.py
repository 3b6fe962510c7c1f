"""``serbench study watch``: a running study on the terminal, as another process runs it."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from serbench.cli.app import App, Command, common_options, pass_app
from serbench.cli.completing import studies
from serbench.cli.output import DASH, counted, duration, emit_json, format_option, percent
from serbench.cli.remarks import next_command
from serbench.cli.studies import configuration_text, parameter_name

if TYPE_CHECKING:
    from rich.console import RenderableType

    from serbench.views.running import CurveView, FoldView, RunningView, TrialView

INTERVAL = 2.0
"""Seconds between two looks at the database."""

LEVELS = "▁▂▃▄▅▆▇█"
"""The heights of a learning curve."""

FEWEST_TRIALS = 3
"""So many trials are shown even if the terminal has too few lines."""

FOLD_WIDTH = 8
"""Columns that a fold of the table takes."""

TABLE_WIDTH = 28
"""Columns that the other cells of the table take."""

BAR_WIDTH = 24


@click.command("watch", cls=Command)
@click.argument("number", metavar="[STUDY]", type=int, required=False, shell_complete=studies)
@click.option(
    "--once",
    is_flag=True,
    help="Print the present state and end; by default so without a terminal, and on a terminal the "
    "view is renewed until the study ends.",
)
@format_option("text", "json")
@common_options
@pass_app
def watch_command(app: App, number: int | None, once: bool, format_: str) -> None:
    """Show STUDY while another process runs it: trials, folds, learning curve, time left.

    Without STUDY, the study is the one that runs, or else the last one. The view ends when the
    study ends, or with Ctrl-C, which does not affect the study. --format json prints the present
    state once.
    """
    from rich.console import Console
    from rich.live import Live

    from serbench.views.running import StudyWatch

    watch = StudyWatch(app.database, app.workspace.artifacts)
    view = watch.view(number)
    if format_ == "json":
        emit_json(view.as_dict())
        return
    live = sys.stdout.isatty() and not once and view.is_active
    width = None if live else shutil.get_terminal_size().columns
    console = Console(width=width, markup=False, emoji=False, highlight=False)
    if not live:
        with console.capture() as captured:
            console.print(_together(shown(view, console.width, height=None)))
        for line in captured.get().splitlines():
            click.echo(line.rstrip())
        next_command(view.next_command)
        return
    try:
        with Live(console=console, auto_refresh=False, vertical_overflow="crop") as display:
            while True:
                display.update(_together(shown(view, console.width, console.height)), refresh=True)
                if not view.is_active:
                    break
                time.sleep(INTERVAL)
                view = watch.view(number)
    except KeyboardInterrupt as interruption:
        app.interruption = interruption
        if view.is_active:
            return
    next_command(view.next_command)


def shown(view: RunningView, width: int, height: int | None) -> list[RenderableType]:
    """The view as lines and tables.

    Args:
        view: the study.
        width: columns of the terminal.
        height: lines of the terminal, to which the number of trials is limited; None for all.
    """
    above = [*_heading(view), "", *_progress(view), *_best(view, width), ""]
    below = [*_curve(view.curve, width), *_importance(view)]
    if height is None:
        return [*above, _trials(view, width, None), *below]
    if view.is_active:
        below += ["", "Ctrl-C ends this view; the study continues."]
    # The header of the table and the line of the cursor need a line each.
    room = max(height - len(above) - len(below) - 2, FEWEST_TRIALS)
    return [*above, _trials(view, width, room), *below]


def _together(parts: Sequence[RenderableType]) -> RenderableType:
    from rich.console import Group

    return Group(*parts)


def _heading(view: RunningView) -> Iterator[str]:
    outer = f", outer fold {view.outer_fold} of {view.outer_folds}" if view.outer_folds > 1 else ""
    learns = view.schedule or view.head
    step = {
        "search": "searching",
        "last training": "last training of the best configuration, on all clips of the search",
        "completion": "measuring latency",
    }.get(view.step, view.state)
    if view.state == "waiting":
        step = "waiting, since the search tries another candidate"
    yield f"study {view.study}: {step}"
    yield f"{view.backbone}, {view.front_end}, {learns}, {view.protocol} on {view.dataset}{outer}"


def _progress(view: RunningView) -> Iterator[RenderableType]:
    states = [trial.state for trial in view.trials]
    ended = len(states) - states.count("running")
    kinds = [f"{states.count(kind)} {kind}" for kind in ("pruned", "failed") if kind in states]
    yield _bar("trials", ended, view.of, ", ".join(kinds))
    yield _bar("trainings", view.trainings, view.trainings + view.trainings_left, _time(view))


def _time(view: RunningView) -> str:
    if view.state != "running" or view.trainings_left == 0:
        return f"took {duration(view.seconds)}" if view.seconds else ""
    if view.seconds_left is None:
        return "no estimate yet"
    return f"{'at most' if view.at_most else 'about'} {duration(view.seconds_left)} left"


def _bar(name: str, done: int, total: int, note: str) -> RenderableType:
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    line = Table.grid(padding=(0, 1))
    line.add_column(width=9)
    line.add_column(width=BAR_WIDTH)
    line.add_column(width=7, justify="right")
    line.add_column()
    bar = ProgressBar(
        total=max(total, 1),
        completed=done,
        width=BAR_WIDTH,
        style="dim",
        complete_style="bold",
        finished_style="bold",
    )
    line.add_row(name, bar, f"{done}/{total}", note)
    return line


def _best(view: RunningView, width: int) -> Iterator[str]:
    import textwrap

    if view.best is None:
        yield "best      no trial is complete yet"
        return
    trial = view.trials[view.best - 1]
    text = f"trial {view.best}, mean UA {percent(view.best_mean_uar)}: "
    lines = textwrap.wrap(text + configuration_text(trial.parameters), width - 10)
    for place, line in enumerate(lines):
        yield f"{'' if place else 'best':10}{line}"


def _trials(view: RunningView, width: int, room: int | None) -> RenderableType:
    """The newest trials and the best one, as many as there is room for."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="")
    for name in ("trial", "state", "mean UA"):
        table.add_column(name, justify="left" if name == "state" else "right", no_wrap=True)
    folds = len(view.trials[0].folds) if view.trials else 0
    each = TABLE_WIDTH + FOLD_WIDTH * folds <= width
    names = [f"fold {fold + 1}" for fold in range(folds)] if each else ["folds"]
    for name in names if folds else ():
        table.add_column(name, justify="right", no_wrap=True)
    trials = list(view.trials)
    if room is not None and len(trials) > room:
        newest = trials[-room:]
        kept = [trial for trial in trials[:-room] if trial.trial == view.best]
        trials = kept + newest[len(kept) :]
    for trial in trials:
        cells = [_cell(fold, trial) for fold in trial.folds] if each else [_done(trial)]
        state = "best" if trial.trial == view.best else trial.state
        table.add_row(str(trial.trial), state, percent(trial.mean_uar), *cells)
    return table


def _cell(fold: FoldView, trial: TrialView) -> str:
    if fold.state == "running":
        return f"epoch {fold.epochs}"
    return DASH if fold.uar is None else percent(fold.uar)


def _done(trial: TrialView) -> str:
    return f"{sum(fold.uar is not None for fold in trial.folds)}/{len(trial.folds)}"


def _curve(curve: CurveView | None, width: int) -> Iterator[str]:
    """The newest learning curve, from the lowest to the highest UA of its epochs."""
    if curve is None:
        return
    place = f"fold {curve.fold}" if isinstance(curve.fold, int) else "last training"
    now = f"epoch {curve.epoch} of {curve.epochs}" if curve.running else "finished"
    yield ""
    text = f"trial {curve.trial}, {place}, {now}"
    if not curve.uars:
        yield text
        return
    low, high = min(curve.uars), max(curve.uars)
    best = curve.uars.index(high) + 1
    yield f"{text}: validation UA {percent(curve.uars[-1])}, best {percent(high)} in epoch {best}"
    steps = [(uar - low) / (high - low) if high > low else 0.0 for uar in curve.uars]
    yield "".join(LEVELS[round(step * (len(LEVELS) - 1))] for step in steps[-width:])


def _importance(view: RunningView) -> Iterator[RenderableType]:
    if view.importance is None:
        return
    complete = sum(trial.state == "complete" for trial in view.trials)
    yield ""
    yield f"importance for the mean UA, in per cent (from {counted(complete, 'complete trial')}):"
    for name, share in view.importance.items():
        if round(100 * share) > 0:
            yield f"{parameter_name(name):16} {'█' * round(BAR_WIDTH * share)} {100 * share:.0f}"
