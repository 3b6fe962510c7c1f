"""Comparison of entries by paired statistical tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any, TypeAlias

from serbench.errors import UsageError
from serbench.score.comparison import (
    Bootstrap,
    Bootstrapped,
    Difference,
    differences,
)
from serbench.score.confusion import COUNT_METRICS, CountMetric
from serbench.score.intervals import CONFIDENCE, FEWEST_SPEAKERS
from serbench.score.metric import CORRECTED
from serbench.score.power import more_speakers, smallest_difference
from serbench.score.ranks import best_of_all
from serbench.score.selection import Corrected, Draws, Selection
from serbench.store.database import Database
from serbench.views.entry import EntryView
from serbench.views.reading import entry_view

SIGNIFICANCE = 1 - CONFIDENCE

FEW = 5
"""So many pairs that are not distinguishable are named; the others are only counted."""


@dataclass(frozen=True)
class Pair:
    """One entry against another.

    Attributes:
        first: number of the first entry.
        second: number of the second entry.
        differences: metric → first minus second; intervals and p are corrected for the number of
            pairs.
        smallest: the smallest difference in UA that this number of speakers detects with a power
            of 80 %, after correction by Bonferroni; None where there is no interval.
        more_speakers: number of further speakers with whom a difference in UA as large as the
            measured one is detected with that power; None if it was detected already or cannot be
            estimated.
    """

    first: int
    second: int
    differences: dict[CountMetric, Difference]
    smallest: float | None
    more_speakers: int | None

    @property
    def better(self) -> int | None:
        """The entry with the higher UA, if Holm's p is below 5 %; None otherwise."""
        found = self.differences["uar"]
        if found.p is None or found.p >= SIGNIFICANCE:
            return None
        return self.first if found.difference > 0 else self.second

    @property
    def worse(self) -> int:
        """The entry with the lower UA."""
        return self.second if self.differences["uar"].difference > 0 else self.first


@dataclass(frozen=True)
class Comparison:
    """Entries of one protocol, each against each.

    Attributes:
        entries: the entries, best UA first.
        pairs: every pair, the entry with the higher UA first.
        notes: a sentence for each property of an entry that limits the comparison.
    """

    entries: tuple[EntryView, ...]
    pairs: tuple[Pair, ...]
    notes: tuple[str, ...]

    @property
    def protocol_id(self) -> str:
        """Identifier of the protocol of all entries."""
        return self.entries[0].protocol_id

    @property
    def speakers(self) -> int:
        """Number of test speakers."""
        return self.entries[0].speakers

    @property
    def verdict(self) -> list[str]:
        """Which entries are better than which others, as sentences."""
        found = [
            f"Entry {row.entry} has a higher UA than {_entries(beaten)}."
            for row in self.entries
            if (beaten := [pair.worse for pair in self.pairs if pair.better == row.entry])
        ]
        alike = [pair for pair in self.pairs if pair.better is None]
        found += [_undecided(pair) for pair in alike[:FEW]]
        if len(alike) > FEW:
            found.append(f"In {len(alike) - FEW} more pairs no difference in UA is detected.")
        return found

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for ``--format json``."""
        return {
            "protocol_id": self.protocol_id,
            "evidence": self.entries[0].evidence,
            "speakers": self.speakers,
            "entries": [
                {
                    "entry": row.entry,
                    "backbone": row.backbone,
                    **{metric: row.scores[metric].value for metric in COUNT_METRICS},
                    **{f"{metric}_ci": row.scores[metric].interval for metric in COUNT_METRICS},
                }
                for row in self.entries
            ],
            "pairs": [{**asdict(pair), "better": pair.better} for pair in self.pairs],
            "verdict": self.verdict,
            "notes": list(self.notes),
        }


def compare_entries(database: Database, numbers: Sequence[int]) -> Comparison:
    """Compare entries on the clips that all of them were tested on.

    Args:
        database: the database with the entries.
        numbers: at least two different entries.

    Raises:
        UsageError: there is no such entry, there are fewer than two, one is given twice, or they
            were scored by different protocols.
    """
    if len(numbers) < 2 or len(set(numbers)) < len(numbers):
        raise UsageError(
            "a comparison needs at least two different entries: choose them from `serbench "
            "leaderboard`",
            numbers=list(numbers),
        )
    rows = sorted((entry_view(database, each) for each in numbers), key=lambda row: -row.uar)
    require_one_protocol(rows)
    places = list(combinations(range(len(rows)), 2))
    together, found = Together(rows), dict[CountMetric, list[Difference]]()
    for metric in COUNT_METRICS:
        scores = together.scores(metric)
        found[metric] = differences([(scores[one], scores[other]) for one, other in places])
    return Comparison(
        entries=tuple(rows),
        pairs=tuple(
            _pair(
                rows[one].entry,
                rows[other].entry,
                {metric: found[metric][number] for metric in COUNT_METRICS},
                SIGNIFICANCE / len(places),
            )
            for number, (one, other) in enumerate(places)
        ),
        notes=tuple(f"entry {row.entry}: {row.note}" for row in rows if row.note),
    )


def require_one_protocol(rows: Sequence[EntryView]) -> None:
    """Refuse entries that were scored by different protocols.

    Raises:
        UsageError: two entries have different protocols.
    """
    first = rows[0]
    for row in rows:
        if row.protocol_id != first.protocol_id:
            raise UsageError(
                f"entry {first.entry} was scored by protocol {first.protocol_id} on "
                f"{first.dataset}, and entry {row.entry} by {row.protocol_id} on {row.dataset}, so "
                "they cannot be compared: choose entries of the same protocol from `serbench "
                "leaderboard`",
                protocols=(first.protocol_id, row.protocol_id),
            )


KnownSelections: TypeAlias = dict[tuple[str, int, bytes], Selection]
"""Protocol, entry and its predictions → the selection of its winner."""


class Together:
    """Entries of one protocol, all scored on the same draws of speakers.

    Where winners were selected by the clips of their scores, the selection is repeated on every
    draw, once for all metrics.

    Args:
        rows: the entries.
        known: the selections that were repeated already; new ones are added to it. Rankings of the
            same entries in several runtimes share them.

    Raises:
        ValueError: they were not tested on the same clips.
    """

    def __init__(self, rows: Sequence[EntryView], known: KnownSelections | None = None) -> None:
        self._tallies = [row.tally for row in rows]
        self._selections: list[Selection] = []
        if rows and rows[0].evidence == CORRECTED:
            over, known = Draws(rows[0].tally), {} if known is None else known
            for row in rows:
                key = (row.protocol_id, row.entry, row.tally.to_bytes())
                if key not in known:
                    known[key] = over.select((row.tally, *row.rivals), 0)
                self._selections.append(known[key])

    def scores(self, metric: CountMetric = "uar") -> list[Bootstrapped]:
        """The score of each entry, in their order.

        Raises:
            ValueError: the entries were not tested on the same clips.
        """
        if self._selections:
            return [each.score(metric).bootstrapped for each in self._selections]
        if not self._tallies:
            return []
        return Bootstrap(self._tallies[0], metric).of_all(self._tallies)

    def best(self) -> Corrected | None:
        """UA of the most accurate entry, corrected also for the choice among these entries.

        Returns:
            None of fewer than two entries, of entries whose own scores need no correction, and
            where the speakers give no draws.
        """
        if len(self._selections) < 2:
            return None
        found = best_of_all(self._selections)
        return None if found.chosen is None else found


def _pair(
    first: int, second: int, found: dict[CountMetric, Difference], significance: float
) -> Pair:
    uar = found["uar"]
    error, speakers = uar.standard_error, uar.effective
    if error is None or speakers < FEWEST_SPEAKERS:
        return Pair(first, second, found, None, None)
    pair = Pair(
        first,
        second,
        found,
        smallest_difference(error, speakers, significance=significance),
        None,
    )
    if pair.better is not None:
        return pair
    return replace(pair, more_speakers=more_speakers(uar, uar.difference, significance))


def _undecided(pair: Pair) -> str:
    found = pair.differences["uar"]
    text = (
        f"Entries {pair.first} and {pair.second} are not distinguishable in UA (difference "
        f"{100 * found.difference:+.1f} points)"
    )
    if found.interval is None:
        return f"{text}, since these speakers give no interval."
    if pair.more_speakers is None:
        return f"{text}."
    count = f"{pair.more_speakers:,} more speaker" + ("s" if pair.more_speakers > 1 else "")
    return (
        f"{text}; with about {count} a difference of this size would be detected with a "
        "probability of 80 %."
    )


def _entries(numbers: Sequence[int]) -> str:
    *most, last = map(str, numbers)
    return f"entries {', '.join(most)} and {last}" if most else f"entry {last}"
