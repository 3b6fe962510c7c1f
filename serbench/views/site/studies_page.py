"""The page of a live site with the studies of its database, as they are now."""

from __future__ import annotations

from collections.abc import Sequence

from serbench.views.running import RunningView
from serbench.views.site.entry_page import entry_path
from serbench.views.site.parts import DASH, Cell, Page, Section, Table, plain

STUDIES_PATH = "studies.html"

COLUMNS = (
    *("study", "state", "backbone", "head", "dataset", ">trials", ">of", ">best mean UA"),
    *(">minutes", ">minutes left", "entry"),
)


def studies_page(views: Sequence[RunningView]) -> Page:
    """The page: studies that run first, then the latest ones.

    Args:
        views: the studies, by number.
    """
    running = [view for view in views if view.is_active]
    others = [view for view in views if not view.is_active]
    shown = [*running, *reversed(others)]
    sections = [_study(view) for view in running]
    table = Table("All studies", COLUMNS, [_row(view) for view in shown])
    return Page(
        path=STUDIES_PATH,
        title="Studies",
        lead=f"{len(running)} of {len(views)} studies run at present. The page is loaded again "
        "when the database has changed.",
        sections=[*sections, Section("all", "All studies", parts=[table])],
    )


def _row(view: RunningView) -> list[Cell]:
    entry = Cell(DASH)
    if view.entry is not None:
        entry = Cell(str(view.entry), link=entry_path(view.entry))
    state = f"{view.state}, {view.step}" if view.step else view.state
    return [
        plain(view.study),
        plain(state),
        plain(view.backbone),
        plain(view.head),
        plain(view.dataset),
        plain(len(view.trials)),
        plain(view.of),
        _number(None if view.best_mean_uar is None else 100 * view.best_mean_uar),
        _number(view.seconds / 60),
        _number(None if view.seconds_left is None else view.seconds_left / 60),
        entry,
    ]


def _number(value: float | None) -> Cell:
    return Cell(DASH if value is None else f"{value:.1f}")


def _study(view: RunningView) -> Section:
    """A running study: its trials, with the UA of each fold."""
    folds = max((len(trial.folds) for trial in view.trials), default=0)
    columns = ["trial", "state", ">mean UA", *(f">fold {fold + 1}" for fold in range(folds))]
    rows = [
        [
            plain(trial.trial),
            plain(trial.state),
            _number(None if trial.mean_uar is None else 100 * trial.mean_uar),
            *(
                Cell(fold.state, None) if fold.uar is None else _number(100 * fold.uar)
                for fold in trial.folds
            ),
        ]
        for trial in view.trials
    ]
    sentences = [f"{view.dataset}, {view.protocol}; step: {view.step or view.state}."]
    if view.importance:
        shares = ", ".join(f"{name} {100 * each:.0f} %" for name, each in view.importance.items())
        sentences.append(f"Importance of the parameters: {shares}.")
    return Section(
        f"study-{view.study}",
        f"Study {view.study}: {view.backbone}, {view.head}",
        sentences,
        [Table("Trials", columns, rows)],
    )
