"""The studies that ``serbench study run`` would run, and their estimated time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from serbench.cli.app import App
from serbench.cli.output import DASH, counted, duration, emit_json, emit_table, emit_text
from serbench.cli.remarks import remark

if TYPE_CHECKING:
    from serbench.data.manifest import Manifest
    from serbench.run.forecast import Forecast
    from serbench.search.plan import StudyPlan


NUMBERS = {
    "seed": ">seed",
    "batch_size": ">batch size",
    "seconds": ">seconds",
    "sample_rate": ">sample rate",
}
"""Columns of numbers."""


def shown_value(plan: StudyPlan, name: str) -> str:
    """The value of one option of a plan as text; a number with the option's name.

    It is empty for an option that has no effect on the plan.
    """
    from serbench.model.readout import readouts_text
    from serbench.run.planning import option_value

    value = option_value(plan, name)
    if value is None:
        return ""
    if name == "readout":
        return readouts_text(plan.readouts)
    if name == "weights":
        return f"weights {Path(value).name}"
    return f"{name.replace('_', ' ')} {value}" if isinstance(value, int | float) else str(value)


def show_forecasts(
    app: App, plans: Sequence[StudyPlan], manifest: Manifest, seeds: int, format_: str
) -> None:
    """Print a row or a JSON object for each study, with its estimated time."""
    from serbench.run.forecast import FAILED, FINISHED, forecast
    from serbench.run.planning import differing

    found = [forecast(plan, manifest, app.database, seeds) for plan in plans]
    if format_ == "json":
        emit_json([{**vars(each), "plan": each.plan.as_dict()} for each in found])
        return
    named = list(dict.fromkeys(("backbone", "front_end", "protocol", *differing(plans))))
    emit_table(
        [
            *(NUMBERS.get(name, name.replace("_", " ")) for name in named),
            *("state", ">trials", ">trainings left", ">time"),
        ],
        [
            [
                *(
                    shown_value(each.plan, name).removeprefix(f"{name.replace('_', ' ')} ")
                    for name in named
                ),
                _state(each),
                f"{each.trials}/{max(each.trials, each.plan.trials)}",
                str(each.trainings),
                _time(each),
            ]
            for each in found
        ],
    )
    left = [each for each in found if each.state not in (FINISHED, FAILED)]
    click.echo(f"{counted(len(left), 'study')} would run; nothing was run")
    if any(each.seconds is None for each in left):
        emit_text(
            f"{DASH}: no estimate, since no training with this backbone, front end, head and clip "
            "format is recorded on this machine"
        )
    if any(each.seconds is not None for each in left):
        emit_text(
            "time: estimate for all trainings one after another, from earlier ones on this "
            "machine, without the features that are computed once; ≤ marks an upper bound, where "
            "early stopping cannot be estimated; parallel trainings and pruning reduce it"
        )


def announce_nested(app: App, plan: StudyPlan, manifest: Manifest, seeds: int) -> None:
    """Print how many trainings a nested cross-validation has left, and their estimated time.

    Nothing is printed of any other study, or if nothing is left.
    """
    from serbench.data.protocols import parse_protocol
    from serbench.run.forecast import forecast

    if parse_protocol(plan.protocol).nested is None:
        return
    found = forecast(plan, manifest, app.database, seeds)
    if found.trainings == 0:
        return
    if found.seconds is None:
        time = "no earlier training shows how long"
    else:
        time = f"{'at most' if found.at_most else 'about'} {duration(found.seconds)}"
    remark(f"nested cross-validation: {counted(found.trainings, 'training')}, {time}")


def _state(found: Forecast) -> str:
    place = "" if found.entry is None else f", entry {found.entry}"
    return found.state if found.study is None else f"{found.state} (study {found.study}{place})"


def _time(found: Forecast) -> str:
    """The estimate in a table."""
    if found.trainings == 0:
        return "0 s"
    if found.seconds is None:
        return DASH
    if found.seconds < 1:
        return "< 1 s"
    return f"{'≤' if found.at_most else '~'} {duration(found.seconds)}"
