"""``serbench study list``, ``show`` and ``delete``: the recorded studies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from serbench.cli.app import App, Command, common_options, confirm, pass_app, yes_option
from serbench.cli.completing import studies
from serbench.cli.output import (
    counted,
    emit_json,
    emit_result,
    emit_table,
    emit_text,
    format_option,
    percent,
)
from serbench.cli.remarks import next_command


@click.command("list", cls=Command)
@format_option("table", "json")
@common_options
@pass_app
def list_command(app: App, format_: str) -> None:
    """List all studies."""
    from serbench.views.study import study_views

    studies = [found.as_dict() for found in study_views(app.database)]
    if format_ == "json":
        emit_json(studies)
        return
    if not studies:
        click.echo("no studies yet")
        next_command("serbench study run")
        return
    emit_table(
        [
            *(">study", "backbone", "front end", "head", "schedule", "dataset", "protocol"),
            *(">trials", ">best UA", "state", ">entry"),
        ],
        [
            [
                str(each["study"]),
                each["backbone"],
                each["front_end"],
                each["head"],
                each["schedule"],
                each["dataset"],
                each["protocol"]
                + (f", outer fold {each['outer_fold']}" if each["outer_fold"] > 1 else ""),
                f"{each['trials']}/{each['of']}",
                percent(each["best_mean_uar"]),
                each["state"],
                str(each["entry"] or ""),
            ]
            for each in studies
        ],
        spare=["front end", "schedule", "head", "protocol"],
    )
    next_command(f"serbench study show {studies[-1]['study']}")


@click.command("show", cls=Command)
@click.argument("number", metavar="STUDY", type=int, shell_complete=studies)
@format_option("table", "json")
@common_options
@pass_app
def show_command(app: App, number: int, format_: str) -> None:
    """Show every trial and fold of STUDY."""
    from serbench.views.study import study_view

    found = study_view(app.database, number).as_dict()
    if format_ == "json":
        emit_json(found)
        return
    plan = found["plan"]
    emit_text(
        f"study {found['study']} ({found['state']}): {plan['backbone']}, {plan['front_end']}, "
        f"{plan['schedule'] or plan['head']}, {plan['protocol']} on {plan['dataset']}, "
        f"seed {plan['seed']}, clips of {found['clips']}"
    )
    emit_table(
        [
            *(">trial", "state", ">mean UA", "configuration", "UA per fold"),
        ],
        [_trial_cells(trial, _folds(found["trials"])) for trial in found["trials"]],
    )
    entry = found["entry"]
    if entry:
        emit_text(
            f"entry {entry['entry']}: configuration of trial {entry['trial']}, UA "
            f"{percent(entry['uar'])} WA {percent(entry['accuracy'])}, weights {entry['weights']}"
        )
        if entry["gain"]:
            emit_text(entry["gain"]["sentence"])
    for trial in found["trials"]:
        if trial["failure"]:
            emit_text(f"trial {trial['trial']} failed: {trial['failure']}")
    shows_entry = f"serbench leaderboard show {entry['entry']}" if entry else None
    next_command(shows_entry or f"serbench study watch {number}")


def _folds(trials: list[dict[str, Any]]) -> list[int]:
    """The numbers of the search folds on which at least one trial was tested."""
    shown = {fold["fold"] for trial in trials for fold in trial["folds"]}
    return sorted(fold for fold in shown if isinstance(fold, int))


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.2g}"


def parameter_name(name: str) -> str:
    """The name of a searched parameter as text."""
    return name.partition(":")[2] or name.replace("_", " ")


def configuration_text(parameters: Mapping[str, Any]) -> str:
    """The parameters of a configuration as text."""
    return ", ".join(
        f"{parameter_name(name)} {_shown(value)}" for name, value in parameters.items()
    )


def _trial_cells(trial: dict[str, Any], folds: list[int]) -> list[str]:
    """The row of a trial; a pruned trial has a dash for each fold on which it was not tested."""
    uars = {each["fold"]: each["uar"] for each in trial["folds"]}
    return [
        str(trial["trial"]),
        trial["state"],
        percent(trial["mean_uar"]),
        configuration_text(trial["parameters"]),
        " ".join(percent(uars.get(fold)) for fold in folds),
    ]


@click.command("delete", cls=Command)
@click.argument("number", metavar="STUDY", type=int, shell_complete=studies)
@yes_option
@format_option("text", "json")
@common_options
@pass_app
def delete_command(app: App, number: int, yes: bool, format_: str) -> None:
    """Delete STUDY, with the studies of its other outer folds, their trials and networks.

    A study with an entry is deleted together with the entry by `serbench leaderboard delete`.
    """
    from serbench.store.studies import delete_study, studies_with

    known = studies_with(app.database, number)
    which = " and ".join(
        f"study {each.number} with {counted(each.trials, 'trial')}" for each in known
    )
    confirm(f"delete {which}", yes)
    delete_study(app.database, number, app.workspace.artifacts)
    deleted = [each.number for each in known]
    emit_result(format_, {"deleted": deleted}, *(f"study {number} deleted" for number in deleted))
    next_command("serbench study list")
