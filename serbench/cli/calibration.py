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
    _emit_reliability(before["reliability"], "reliability before calibration")
    if after is not None:
        click.echo()
        _emit_reliability(after["reliability"], "reliability after calibration")
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


def _emit_reliability(bins: list[dict[str, Any]], title: str) -> None:
    """A row for each bin with clips."""
    emit_table(
        ["confidence", ">clips", ">mean confidence", ">accuracy"],
        [
            [
                f"{100 * each['above']:.0f}–{100 * each['to']:.0f} %",
                str(each["clips"]),
                percent(each["confidence"]),
                percent(each["accuracy"]),
            ]
            for each in bins
        ],
        title=title,
    )
