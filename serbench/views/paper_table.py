"""The results table of a paper: entries of one protocol, compared with the best of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from serbench import __version__
from serbench.data.cells import Cell
from serbench.data.corpus import Corpus
from serbench.data.traits import Trait
from serbench.errors import UsageError
from serbench.score.comparison import Difference
from serbench.score.confusion import COUNT_METRICS
from serbench.score.intervals import CONFIDENCE
from serbench.score.mean_ranks import FEWEST, MeanRanks, PostHoc, mean_ranks, speaker_scores
from serbench.store.database import Database
from serbench.views.choosing import chosen_entries
from serbench.views.comparison import Together, require_one_protocol
from serbench.views.entry import EntryView
from serbench.views.groups import GroupScore, group_scores
from serbench.views.labels import system_labels
from serbench.views.reading import entry_view

SCHEMA = 1
"""Version of the form of the JSON; it changes when a key is renamed or changes its meaning."""


@dataclass(frozen=True)
class ComparedEntry:
    """An entry in the table.

    Attributes:
        view: scores and identity.
        label: its name in the table, which is distinct.
        behind: its UA minus that of the best entry; None of the best entry. All intervals hold
            together at 95 %, and p is corrected for the number of these comparisons.
        mean_rank: its mean rank over the test speakers; None with fewer than three entries or two
            speakers.
    """

    view: EntryView
    label: str
    behind: Difference | None
    mean_rank: float | None

    @property
    def best(self) -> bool:
        """Whether it has the highest UA of the table."""
        return self.behind is None

    @property
    def alike(self) -> bool:
        """Whether it is not the best one, and no difference to the best one was detected."""
        return self.behind is not None and not self.behind.distinguishable

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        row, behind = self.view, self.behind
        plain: dict[str, Any] = {"entry": row.entry, "system": self.label}
        for metric in COUNT_METRICS:
            score = row.scores[metric]
            plain |= {metric: score.value, f"{metric}_ci": score.interval}
        return plain | {
            "best": self.best,
            "alike": self.alike,
            "difference": None if behind is None else behind.difference,
            "difference_ci": None if behind is None else behind.interval,
            "p": None if behind is None else behind.p,
            "mean_rank": self.mean_rank,
            "params": row.params,
            "latency_ms_p50": row.latency.p50,
            "latency_ms_p50_ci": _pair(row.latency.p50_low, row.latency.p50_high),
            "latency_ms_p90": row.latency.p90,
            "latency_ms_p90_ci": _pair(row.latency.p90_low, row.latency.p90_high),
            "latency_place": row.latency.place_text if row.latency.runtime else None,
            "threads": row.latency.threads or None,
            "dataset": row.dataset,
            "dataset_hash": row.dataset_hash,
            "protocol_id": row.protocol_id,
            "evidence": row.evidence,
            "speakers": row.speakers,
            "note": row.note,
        }

    def as_flat_dict(self) -> dict[str, Cell]:
        """Plain data of one value each, the line of ``--format csv``."""
        flat: dict[str, Cell] = {}
        for name, value in self.as_dict().items():
            if name.endswith("_ci"):
                flat[f"{name}_low"], flat[f"{name}_high"] = value or (None, None)
            else:
                flat[name] = int(value) if isinstance(value, bool) else value
        return flat


@dataclass(frozen=True)
class PaperComparison:
    """Entries of one protocol, best UA first, with groups of clips and mean ranks.

    Attributes:
        rows: the entries.
        groups: scores in groups of clips, by trait and entry; empty where none were asked for.
        mean_ranks: ranks over the test speakers, in the order of ``rows``; None with fewer than
            three entries or two speakers.
    """

    rows: tuple[ComparedEntry, ...]
    groups: tuple[GroupScore, ...]
    mean_ranks: MeanRanks | None

    @property
    def first(self) -> EntryView:
        """The best entry."""
        return self.rows[0].view

    @property
    def one_place(self) -> bool:
        """Whether all latencies were measured in one place, so that they may be compared."""
        places = {(row.view.latency.place, row.view.latency.threads) for row in self.rows}
        return len(places) == 1 and self.first.latency.p90 is not None

    @property
    def tested_on(self) -> str:
        """What was tested and how, as a sentence."""
        row = self.first
        speech = ", synthetic speech" if row.synthetic else ""
        known = ", speakers also in the training clips" if row.speaker_dependent else ""
        return (
            f"Dataset {row.dataset} [{row.dataset_hash[:8]}]{speech}, protocol {row.protocol_id}, "
            f"{row.evidence_text}, {row.speakers} test speaker{'s' * (row.speakers > 1)}{known}."
        )

    @property
    def notes(self) -> list[str]:
        """A sentence for each property of an entry that limits the comparison."""
        return [f"{row.label}: {row.view.note}." for row in self.rows if row.view.note]

    @property
    def friedman(self) -> str | None:
        """Friedman's test as a sentence, or None."""
        found = self.mean_ranks
        if found is None:
            return None
        text = (
            f"Friedman's test over {found.blocks} test speakers: "
            f"χ² = {found.chi2:.2f}, p = {found.p:.2g}"
        )
        if found.critical is not None:
            text += f"; critical difference of mean ranks (Nemenyi, 5 %): {found.critical:.2f}"
        return f"{text}."

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for ``--format json``."""
        ranked = self.mean_ranks
        return {
            "schema": SCHEMA,
            "serbench": __version__,
            "entries": [row.as_dict() for row in self.rows],
            "groups": [group.as_dict() for group in self.groups],
            "friedman": None
            if ranked is None
            else {
                "chi2": ranked.chi2,
                "p": ranked.p,
                "blocks": ranked.blocks,
                "test": ranked.test,
                "critical_difference": ranked.critical,
                "cliques": [
                    [self.rows[place].view.entry for place in ranked.order[first : last + 1]]
                    for first, last in ranked.cliques
                ],
            },
        }


def _pair(low: float | None, high: float | None) -> tuple[float, float] | None:
    return None if low is None or high is None else (low, high)


def compare_for_paper(
    database: Database,
    corpora: Mapping[str, Corpus],
    numbers: Sequence[int] = (),
    dataset: str | None = None,
    protocol: str | None = None,
    traits: Sequence[Trait] = (),
    test: PostHoc = "nemenyi",
) -> PaperComparison:
    """Compare entries of one protocol for a paper.

    An entry is told apart from the best one if the interval of their difference, corrected by
    Bonferroni for the number of other entries, does not contain 0. So an entry that is truly the
    best one is told apart from the one with the highest UA in at most 5 % of all tables.

    Args:
        database: the database with the entries.
        corpora: the registered corpora by name.
        numbers: the entries; by default all on one dataset under one protocol, except those with
            weights that were trained on test speakers.
        dataset: name of the dataset; by default the only one with entries.
        protocol: name of the protocol; by default the one with most entries.
        traits: divide the clips by these traits.
        test: the comparison of pairs of mean ranks.

    Raises:
        UsageError: there is no such entry; one is given twice; entries have different protocols; or
            there are several datasets and none is named.
    """
    if numbers:
        if dataset is not None or protocol is not None:
            raise UsageError(
                "entries were given by number, which have a dataset and a protocol already: remove "
                "--dataset and --protocol, or the numbers"
            )
        if len(set(numbers)) < len(numbers):
            raise UsageError("an entry was given twice: give each once", numbers=list(numbers))
        views = [entry_view(database, number) for number in numbers]
    else:
        chosen = chosen_entries(database, dataset, protocol)
        views = [view for view in chosen if not view.known_speakers] or chosen
    views.sort(key=lambda view: (-view.uar, view.entry))
    require_one_protocol(views)
    scores = Together(views).scores()
    confidence = 1 - (1 - CONFIDENCE) / max(len(views) - 1, 1)
    ranked = None
    if len(views) >= FEWEST and views[0].speakers > 1:
        ranked = mean_ranks(speaker_scores([view.tally for view in views]), test)
    by_place = {} if ranked is None else dict(zip(ranked.order, ranked.ranks, strict=True))
    rows = [
        ComparedEntry(
            view,
            label,
            None if place == 0 else _corrected(scores[place].minus(scores[0], confidence), views),
            by_place.get(place),
        )
        for place, (view, label) in enumerate(zip(views, system_labels(views), strict=True))
    ]
    groups = group_scores(database, [view.entry for view in views], corpora, traits)
    if traits and not groups:
        raise UsageError(
            f"the test clips of {views[0].dataset} cannot be divided by {' or '.join(traits)}: all "
            "have one value, or it is not known; divide by another property, or remove --by",
            traits=tuple(traits),
        )
    return PaperComparison(tuple(rows), tuple(groups), ranked)


def _corrected(found: Difference, views: Sequence[EntryView]) -> Difference:
    """The same difference with p corrected by Bonferroni for the number of other entries."""
    p = None if found.p is None else min(found.p * (len(views) - 1), 1.0)
    return replace(found, p=p)
