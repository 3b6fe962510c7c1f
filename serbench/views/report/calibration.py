"""Exhibit 6: reliability before and after calibration, and rejection of uncertain predictions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from serbench.data.cells import Cell
from serbench.views.calibration import Agreement, CalibrationView
from serbench.views.report.exhibit import Exhibit
from serbench.views.report.labels import entry_labels, identity, on_one_line
from serbench.views.report.material import Entry, Material
from serbench.views.report.rows import wrapped
from serbench.views.report.style import COLOURS, GREY, new_figure
from serbench.views.report.table import percent
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
    return Exhibit(
        name="6-calibration",
        title="Calibration and rejection",
        caption="Upper part: share of correct predictions against their mean probability (the "
        "confidence), in 15 bins; the area of a marker is the share of clips, and calibrated "
        "probabilities lie on the diagonal. Squares: as trained; circles: after division of the "
        "logits by a temperature, which for each speaker was fitted on other speakers. Lower part: "
        "accuracy (WA) of the clips that are still answered if the least certain ones are "
        f"rejected, from {LEAST_COVERAGE} % of the clips. This exhibit is not in the paper."
        + (
            ""
            if any(_of(entry).curve for entry in entries)
            else " **Only one speaker was tested: calibration for other speakers is unknown.**"
        ),
        data=_data(entries),
        body=_body(entries),
        draw=lambda: _draw(entries),
    )


def _of(entry: Entry) -> CalibrationView:
    return entry.detail.calibration


def _stages(entry: Entry) -> Iterator[tuple[str, Agreement]]:
    found = _of(entry)
    yield "before", found.before
    if found.after is not None:
        yield "after", found.after


def _data(entries: Sequence[Entry]) -> list[dict[str, Cell]]:
    bins: list[dict[str, Cell]] = [
        {**identity(entry), "part": f"reliability {stage}", **each}
        for entry in entries
        for stage, agreement in _stages(entry)
        for each in agreement.reliability
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
    return bins + points


def _body(entries: Sequence[Entry]) -> str:
    columns = ["model, schedule", ">temperature", ">ECE before", ">ECE after"]
    columns += [">log loss before", ">log loss after", ">mean WA over coverages"]
    rows = []
    for entry, label in zip(entries, entry_labels(entries), strict=True):
        found = _of(entry)
        before, after = found.before, found.after
        rows.append(
            [
                on_one_line(label),
                f"{found.temperature:.3g}",
                percent(before.ece),
                "" if after is None else percent(after.ece),
                f"{before.log_loss:.3f}",
                "" if after is None else f"{after.log_loss:.3f}",
                percent(found.rejection_area),
            ]
        )
    return markdown_table(columns, rows)


def _draw(entries: Sequence[Entry]) -> Figure:
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
        _draw_reliability(axes, entry)
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


def _draw_reliability(axes: Axes, entry: Entry) -> None:
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
    axes.set_xlim(100, LEAST_COVERAGE)
    axes.set_xlabel("clips answered (per cent)")
    axes.set_ylabel("WA of these clips (per cent)")
    axes.grid()
