"""The sections of the page of an entry with its measured details."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import compress
from typing import Any

import numpy as np

from serbench.score.confusion import score_counts
from serbench.views import charts
from serbench.views.detail import EntryDetail, Group
from serbench.views.printed import read_printed
from serbench.views.site.figures import figure
from serbench.views.site.parts import (
    DASH,
    Cell,
    Part,
    Section,
    Table,
    count,
    counted,
    interval,
    number,
    plain,
    share,
)
from serbench.views.study import StudyView


def emotions_section(detail: EntryDetail) -> Section:
    """Recall of each emotion and the confusion matrix."""
    paper = read_printed().paper.recalls.get(detail.view.backbone.partition(".")[0], {})
    recalls = Table(
        "Recall of each emotion",
        ["emotion", ">clips", ">recall, %", ">95 % CI", *([">the paper, %"] if paper else [])],
        [
            [
                plain(emotion),
                count(sum(counts)),
                share(recall),
                interval(ends),
                *([share(paper.get(emotion))] if paper else []),
            ]
            for emotion, counts, recall, ends in zip(
                detail.emotions,
                detail.confusion,
                detail.recalls,
                detail.recall_intervals,
                strict=True,
            )
        ],
    )
    confusion = Table(
        "Clips by true emotion (rows) and predicted emotion (columns)",
        ["true emotion", *(f">{emotion}" for emotion in detail.emotions)],
        [
            [plain(emotion), *map(count, counts)]
            for emotion, counts in zip(detail.emotions, detail.confusion, strict=True)
        ],
    )
    sentences = ["The paper's recalls are those of its own dataset."] if paper else []
    drawn = [*figure(charts.recall_chart(detail)), *figure(charts.confusion_chart(detail))]
    return Section("emotions", "Emotions", sentences, [*drawn, recalls, confusion])


def speakers_section(detail: EntryDetail) -> Section:
    """The scores of each speaker, sex and corpus."""
    spread = detail.spread
    sd = "" if spread["sd"] is None else f", standard deviation {100 * spread['sd']:.1f}"
    lowest, highest = (100 * (spread[name] or 0.0) for name in ("lowest", "highest"))
    sentence = (
        f"UA of the speakers: from {lowest:.1f} ({detail.speakers[0].name}) to {highest:.1f}{sd}."
    )
    tables = [_groups("speaker", detail.speakers)]
    tables += [_groups("sex", detail.sexes)] if len(detail.sexes) > 1 else []
    tables += [_groups("corpus", detail.corpora)] if len(detail.corpora) > 1 else []
    return Section(
        "speakers", "Speakers", [sentence], [*figure(charts.speakers_chart(detail)), *tables]
    )


def _groups(kind: str, groups: Sequence[Group]) -> Table:
    return Table(
        f"Scores of each {kind}, lowest UA first",
        [kind, ">clips", ">UA, %", ">WA, %"],
        [[plain(g.name), count(g.clips), share(g.uar), share(g.accuracy)] for g in groups],
    )


def folds_sections(detail: EntryDetail, study: StudyView | None) -> Iterator[Section]:
    """The folds by which the winner was selected, and its trainings; nothing if there are none."""
    parts: list[Part] = []
    if study is not None:
        parts += figure(charts.curves_chart(study))
    if detail.folds:
        parts.append(
            Table(
                "UA of each fold by which the winner was selected",
                ["fold", ">clips", ">UA, %", ">WA, %"],
                [_fold_row(place, fold) for place, fold in enumerate(detail.folds, start=1)],
            )
        )
    trained = [] if study is None else _trainings(study)
    if trained:
        parts.append(
            Table(
                "Trainings of the winner: scores of the validation speakers after each epoch",
                [
                    *("fold", ">epochs", ">best epoch", ">seconds"),
                    *("UA of each epoch, %", "loss of each epoch"),
                ],
                trained,
            )
        )
    if parts:
        yield Section("folds", "Folds", (), parts)


def _fold_row(place: int, fold: list[list[int]]) -> list[Cell]:
    counts = np.array(fold, dtype=np.int64)
    return [
        plain(place),
        count(int(counts.sum())),
        share(score_counts(counts, "uar")),
        share(score_counts(counts, "accuracy")),
    ]


def _trainings(study: StudyView) -> list[list[Cell]]:
    """The trainings of the winning trial that have epochs."""
    entry = study.detail["entry"]
    winner = next(
        (
            trial
            for trial in study.detail["trials"]
            if entry is not None and trial["trial"] == entry["trial"]
        ),
        None,
    )
    return [
        [
            plain(fold["fold"]),
            count(fold["epochs"]),
            count(fold["best_epoch"]),
            number(fold["seconds"], 1),
            plain(" ".join(f"{100 * uar:.1f}" for uar in fold["curve"])),
            plain(" ".join(f"{loss:.3f}" for loss in fold["losses"])),
        ]
        for fold in (winner["folds"] if winner is not None else ())
        if fold["curve"]
    ]


def probabilities_section(detail: EntryDetail) -> Section:
    """Agreement of probabilities and correctness, and rejection of uncertain predictions."""
    found = detail.calibration
    rows = [("without calibration", found.before)]
    if found.after is not None:
        rows.append(("after calibration, with temperatures of other speakers", found.after))
    parts: list[Part] = [
        *figure(charts.reliability_chart(found)),
        *figure(charts.rejection_chart(found)),
        Table(
            "Agreement of probabilities and correctness",
            ["probabilities", ">ECE", ">log loss"],
            [[plain(name), number(each.ece), number(each.log_loss)] for name, each in rows],
        ),
        *(
            Table(
                f"Reliability {name}",
                ["confidence", ">clips", ">mean confidence, %", ">correct, %"],
                [
                    [
                        plain(f"{100 * bin['above']:.0f} to {100 * bin['to']:.0f} %"),
                        count(int(bin["clips"])),
                        share(bin["confidence"]),
                        share(bin["accuracy"]),
                    ]
                    for bin in each.reliability
                ],
            )
            for name, each in rows
        ),
    ]
    if found.rejection:
        parts.append(
            Table(
                "Scores of the answered clips, if uncertain predictions are rejected",
                [
                    *("answered, %", ">least confidence, %", ">clips"),
                    *(">UA, %", ">95 % CI of UA", ">WA, %", ">95 % CI of WA"),
                ],
                [
                    [
                        share(point.coverage),
                        share(point.confidence),
                        count(point.clips),
                        share(point.uar.value),
                        interval(point.uar.interval),
                        share(point.accuracy.value),
                        interval(point.accuracy.interval),
                    ]
                    for point in found.rejection
                ],
            )
        )
    return Section(
        "probabilities",
        "Probabilities and rejection",
        [f"The temperature of the probabilities is {found.temperature:.3g}."],
        parts,
    )


def search_section(study: StudyView) -> Section:
    """The trials of the study, the importance of parameters and their slices."""
    trials = study.detail["trials"]
    names = list(dict.fromkeys(name for trial in trials for name in trial["parameters"]))
    parts: list[Part] = [
        *figure(charts.trials_chart(study)),
        *figure(charts.importance_chart(study)),
        *figure(charts.slices_chart(study)),
    ]
    if study.importances:
        parts.append(
            Table(
                "Importance of the searched parameters",
                ["parameter", ">share of the variance of mean UA, %"],
                [[plain(each.parameter), share(each.share)] for each in study.importances],
            )
        )
    parts.append(
        Table(
            "All trials",
            ["trial", "state", ">mean UA, %", *(f">{name}" for name in names)],
            [
                [
                    plain(trial["trial"]),
                    Cell(trial["state"], meaning=trial["failure"] or ""),
                    share(trial["mean_uar"]),
                    *(_parameter(trial["parameters"].get(name)) for name in names),
                ]
                for trial in trials
            ],
        )
    )
    sentence = f"Study {study.study} tried {counted(study.trials, 'configuration')}."
    if study.outer_fold > 1 or (study.detail["plan"]["protocol"].find(":nested") >= 0):
        sentence += " It is the search of the first outer fold."
    return Section("search", "Search", [sentence], parts)


def _parameter(value: Any) -> Cell:
    if value is None:
        return Cell(DASH)
    return Cell(value if isinstance(value, str) else f"{value:.4g}")


def latency_section(detail: EntryDetail) -> Section:
    """The latency in each runtime, by part."""
    rows = [
        [
            plain(" ".join(filter(None, (each.runtime, each.precision)))),
            count(each.threads),
            number(each.p50, 2),
            number(each.p90, 2),
            number(each.p99, 2),
            number(each.front_end_p50, 2),
            number(each.network_p50, 2),
            number(each.clip_seconds, 1),
            number(each.load_ms, 0),
            number(each.memory_mb, 0),
            number(each.file_mb, 1),
            number(each.energy_mj, 1),
            count(each.runs),
            plain(each.marks or DASH),
            plain(each.machine),
            plain(each.libraries),
        ]
        for each in detail.latencies
    ]
    columns = [
        *("runtime", ">threads", ">p50", ">p90", ">p99", ">front end, p50", ">network, p50"),
        *(">clip, s", ">load, ms", ">memory, MB", ">file, MB", ">energy, mJ", ">runs"),
        *("limits", "machine", "libraries"),
    ]
    measured = [any(row[place].text != DASH for row in rows) for place in range(len(columns))]
    table = Table(
        "Time for one clip in milliseconds, from waveform to probabilities",
        list(compress(columns, measured)),
        [list(compress(row, measured)) for row in rows],
    )
    drawn = figure(charts.latency_parts_chart(detail.latencies))
    return Section("latency", "Latency", (), [*drawn, table])
