"""The calibration of an entry as text."""

from __future__ import annotations

from typing import Any

import click

from serbench.cli.output import DASH, emit_table, emit_text, percent, scored


def emit_calibration(found: dict[str, Any]) -> None:
    """Print ECE, log loss and reliability before and after calibration, and rejection.

    Args:
        found: the plain data of a ``CalibrationView``.
    """
    before, after = found["before"], found["after"]
    emit_table(
        ["calibration", ">before", ">after"],
        [
            ["ECE", percent(before["ece"]), percent(after["ece"] if after else None)],
            [
                "log loss",
                f"{before['log_loss']:.3f}",
                DASH if after is None else f"{after['log_loss']:.3f}",
            ],
        ],
    )
    emit_text(
        f"temperature {found['temperature']:.3g}, fitted on all tested clips, is used by `serbench "
        "predict`; "
        + (
            "the scores after calibration need a second tested speaker, on whom to fit another one"
            if after is None
            else "after: each speaker with a temperature fitted on other speakers"
        )
    )
    click.echo()
    _emit_reliability(before["reliability"], [] if after is None else after["reliability"])
    if found["rejection"]:
        click.echo()
        emit_table(
            [">answered", ">clips", ">confidence", ">UA", ">WA"],
            [
                [
                    f"{100 * each['coverage']:.0f} %",
                    str(each["clips"]),
                    f"{each['confidence']:.3f}",
                    scored(each["uar"], each["uar_ci"]),
                    scored(each["accuracy"], each["accuracy_ci"]),
                ]
                for each in found["rejection"]
            ],
            title="rejection of predictions below a confidence, after calibration",
        )
        emit_text(f"mean WA over all shares of answered clips: {percent(found['rejection_area'])}")


def _emit_reliability(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> None:
    """A row for each bin with clips before or after calibration."""
    stages = [{each["above"]: each for each in stage} for stage in (before, after)]
    bins = {each["above"]: each["to"] for each in (*before, *after)}
    rows = []
    for above, to in sorted(bins.items()):
        row = [f"{100 * above:.0f}–{100 * to:.0f} %"]
        for stage in stages if after else stages[:1]:
            found = stage.get(above)
            row += [
                str(found["clips"]) if found else "0",
                percent(found["confidence"] if found else None),
                percent(found["accuracy"] if found else None),
            ]
        rows.append(row)
    before_columns = [">clips", ">confidence", ">accuracy"]
    after_columns = [">after: clips", ">confidence", ">accuracy"] if after else []
    emit_table(["bin", *before_columns, *after_columns], rows, title="reliability")
