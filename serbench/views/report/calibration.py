"""Exhibit 6: reliability before and after calibration, and rejection of uncertain predictions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from serbench.data.cells import Cell
from serbench.score.agreement import AgreementIntervals, agreement_intervals
from serbench.score.calibration import cross_fitted
from serbench.score.metric import Score
from serbench.views.calibration import Agreement, CalibrationView
from serbench.views.report.exhibit import Exhibit
from serbench.views.report.labels import entry_labels, identity, on_one_line
from serbench.views.report.material import Entry, Material
from serbench.views.report.rows import wrapped
from serbench.views.report.style import COLOURS, GREY, new_figure
from serbench.views.report.table import percent, scored
from serbench.views.tables import markdown_table

COLUMNS = 3
"""Panels in a row of the figure."""

LEAST_COVERAGE = 20
"""Below this share of answered clips, in per cent, the curve depends on very few clips."""

STAGES = {"before": (COLOURS[1], "s"), "after": (COLOURS[0], "o")}
"""Colour and marker of each stage."""

LINES = COLOURS[:6]
"""Colours of lines; yellow is too light for one."""

DASHES = ("-", "--", ":", "-.")
"""Line styles; the next one is used when the colours repeat."""


def calibration(material: Material) -> Exhibit:
    """Reliability diagram of every entry, and accuracy against the share of answered clips."""
    entries = material.entries
    intervals = [_intervals(entry) for entry in entries]
    return Exhibit(
        name="6-calibration",
        title="Calibration and rejection",
        caption="Upper part: share of correct predictions against their mean probability (the "
        "confidence), in 15 bins; the area of a marker is the share of clips, lines are 95 % "
        "intervals over speakers, and calibrated probabilities lie on the diagonal. Squares: as "
        "trained; circles: after division of the logits by a temperature, which for each speaker "
        "was fitted on other speakers. Lower part: accuracy (WA) of the clips that are still "
        f"answered if the least certain ones are rejected, from {LEAST_COVERAGE} % of the clips, "
        "with intervals at some coverages. This exhibit is not in the paper."
        + (
            ""
            if any(_of(entry).curve for entry in entries)
            else " **Only one speaker was tested: calibration for other speakers is unknown.**"
        ),
        data=_data(entries, intervals),
        body=_body(entries, intervals),
        draw=lambda: _draw(entries, intervals),
    )


def _of(entry: Entry) -> CalibrationView:
    return entry.detail.calibration


Stages = dict[str, AgreementIntervals]
"""Stage → intervals of its agreement."""


def _intervals(entry: Entry) -> Stages:
    tested = entry.targets, entry.speakers
    found = {"before": agreement_intervals(entry.logits, *tested)}
    calibrated = cross_fitted(entry.logits, *tested)
    if calibrated is not None:
        found["after"] = agreement_intervals(calibrated, *tested)
    return found


def _stages(entry: Entry) -> Iterator[tuple[str, Agreement]]:
    found = _of(entry)
    yield "before", found.before
    if found.after is not None:
        yield "after", found.after


def _data(entries: Sequence[Entry], intervals: Sequence[Stages]) -> list[dict[str, Cell]]:
    bins: list[dict[str, Cell]] = [
        {
            **identity(entry),
            "part": f"reliability {stage}",
            **each,
            "accuracy_low": ends and ends.low,
            "accuracy_high": ends and ends.high,
        }
        for entry, own in zip(entries, intervals, strict=True)
        for stage, agreement in _stages(entry)
        for each, ends in zip(agreement.reliability, own[stage].accuracy, strict=True)
    ]
    points: list[dict[str, Cell]] = [
        {
            **identity(entry),
            "part": "rejection",
            "confidence": float(curve.thresholds[place]),
            "accuracy": float(curve.accuracy[place]),
            "clips": int(curve.answered[place]),
            "coverage": float(curve.coverage[place]),
            "uar": float(curve.uar[place]),
        }
        for entry in entries
        for curve in [_of(entry).curve]
        if curve is not None
        for place in range(len(curve.thresholds))
    ]
    marked: list[dict[str, Cell]] = [
        {
            **identity(entry),
            "part": "rejection, with interval",
            "confidence": point.confidence,
            "accuracy": point.accuracy.value,
            "accuracy_low": point.accuracy.low,
            "accuracy_high": point.accuracy.high,
            "clips": point.clips,
            "coverage": point.coverage,
            "uar": point.uar.value,
        }
        for entry in entries
        for point in _of(entry).rejection
    ]
    return bins + points + marked


def _body(entries: Sequence[Entry], intervals: Sequence[Stages]) -> str:
    columns = ["model, schedule", ">temperature", ">ECE before", ">ECE after"]
    columns += [">log loss before", ">log loss after", ">mean WA over coverages"]
    rows = []
    for entry, label, own in zip(entries, entry_labels(entries), intervals, strict=True):
        found = _of(entry)
        eces, losses = [], []
        for stage, agreement in _stages(entry):
            eces.append(scored(Score(agreement.ece, *(own[stage].ece or ()))))
            ends = own[stage].log_loss
            between = "" if ends is None else f" ({ends.low:.3f}–{ends.high:.3f})"
            losses.append(f"{agreement.log_loss:.3f}{between}")
        missing = [""] * (2 - len(eces))
        rows.append(
            [
                on_one_line(label),
                f"{found.temperature:.3g}",
                *(*eces, *missing),
                *(*losses, *missing),
                percent(found.rejection_area),
            ]
        )
    return markdown_table(columns, rows)


def _draw(entries: Sequence[Entry], intervals: Sequence[Stages]) -> Figure:
    labels = [wrapped(label, 30) for label in entry_labels(entries)]
    n_rows = -(-len(entries) // COLUMNS)
    lines = max(label.count("\n") + 1 for label in labels)
    upper = n_rows * (2.25 + 0.16 * lines) + 0.7
    rejecting = any(_of(entry).curve for entry in entries)
    lower = max(2.8, 0.5 + 0.15 * sum(label.count("\n") + 2 for label in labels))
    figure = new_figure(upper + lower * rejecting)
    heights = [upper, lower] if rejecting else [upper]
    first, *rest = figure.subfigures(len(heights), squeeze=False, height_ratios=heights)[:, 0]
    panels = first.subplots(n_rows, COLUMNS, sharex=True, sharey=True, squeeze=False)
    for panel in panels.flat[len(entries) :]:
        panel.set_visible(False)
    for number, (entry, label) in enumerate(zip(entries, labels, strict=True)):
        axes = panels.flat[number]
        eces = " → ".join(percent(agreement.ece) for _, agreement in _stages(entry))
        axes.set_title(f"{label}\nECE {eces}", loc="left")
        axes.tick_params(labelbottom=number + COLUMNS >= len(entries))
        _draw_reliability(axes, entry, intervals[number])
    first.supxlabel("confidence (per cent)", fontsize=8.5)
    first.supylabel("share of correct predictions (per cent)", fontsize=8.5)
    handles = [
        Line2D([], [], color=colour, marker=marker, markersize=4.5, linestyle="none")
        for colour, marker in STAGES.values()
    ]
    diagonal = Line2D([], [], color=GREY, linestyle=(0, (1, 1.5)), linewidth=1.3)
    first.legend(
        [*handles, diagonal],
        ["before calibration", "after", "confidence equal to accuracy"],
        loc="outside upper center",
        ncols=3,
    )
    for part in rest:
        _draw_rejection(part.subplots(), entries, labels)
        part.legend(loc="outside right upper")
    return figure


def _draw_reliability(axes: Axes, entry: Entry, intervals: Stages) -> None:
    """The bins of each stage."""
    axes.plot([0, 100], [0, 100], color=GREY, linestyle=(0, (1, 1.5)), linewidth=1.3)
    axes.set_xlim(0, 100)
    axes.set_ylim(-4, 104)
    axes.set_xticks([0, 50, 100])
    axes.set_yticks([0, 50, 100])
    axes.set_aspect("equal")
    axes.grid()
    for stage, agreement in _stages(entry):
        colour, marker = STAGES[stage]
        bins = agreement.reliability
        clips = sum(each["clips"] for each in bins)
        confidence = [100 * each["confidence"] for each in bins]
        accuracy = [100 * each["accuracy"] for each in bins]
        for x, ends in zip(confidence, intervals[stage].accuracy, strict=True):
            if ends is not None:
                heights = [100 * end for end in ends]
                axes.plot([x, x], heights, color=colour, linewidth=0.7, alpha=0.6)
        areas = [6 + 150 * each["clips"] / clips for each in bins]
        axes.scatter(
            confidence, accuracy, areas, color=colour, marker=marker, alpha=0.75, linewidth=0
        )


def _draw_rejection(axes: Axes, entries: Sequence[Entry], labels: Sequence[str]) -> None:
    """A line for each entry with several tested speakers."""
    for number, (entry, label) in enumerate(zip(entries, labels, strict=True)):
        curve = _of(entry).curve
        if curve is None:
            continue
        shown = 100 * curve.coverage >= LEAST_COVERAGE
        axes.plot(
            100 * curve.coverage[shown],
            100 * curve.accuracy[shown],
            color=LINES[number % len(LINES)],
            linestyle=DASHES[number // len(LINES) % len(DASHES)],
            linewidth=1.3,
            label=label,
        )
        for point in _of(entry).rejection:
            if point.accuracy.interval is not None:
                # Side by side, since the entries have the same coverages.
                x = 100 * point.coverage - 0.4 * (number - len(entries) / 2)
                ends = [100 * end for end in point.accuracy.interval]
                axes.plot([x, x], ends, color=LINES[number % len(LINES)], linewidth=0.8, alpha=0.6)
    axes.set_xlim(100, LEAST_COVERAGE)
    axes.set_xlabel("clips answered (per cent)")
    axes.set_ylabel("WA of these clips (per cent)")
    axes.grid()
