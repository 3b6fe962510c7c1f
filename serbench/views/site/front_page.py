"""The first page: recommendation, Pareto plot and table of each ranking, with filters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from serbench.errors import UsageError
from serbench.store.database import Database
from serbench.views import charts
from serbench.views.comparison import KnownSelections
from serbench.views.eligible import Wanted
from serbench.views.entry import EntryView
from serbench.views.fastest import BEST, in_runtime
from serbench.views.ranking import RankingView, rank
from serbench.views.recommendation import recommend
from serbench.views.site.figures import Figure, figure
from serbench.views.site.parts import counted
from serbench.views.site.ranking_rows import COLUMNS, FACETS, Gains, Row, facets_of, row_of

MAIN = "index.html"

TOLD = 2
"""So many sentences of a recommendation are above the plot; the others can be unfolded."""


@dataclass(frozen=True)
class Choice:
    """Latencies of which a page has the rankings.

    Attributes:
        runtime: name of a runtime, or ``best`` for the fastest one of each entry.
        threads: number of threads.
        path: address of the page.
    """

    runtime: str
    threads: int
    path: str

    @property
    def name(self) -> str:
        """Name of its files with data, without ending."""
        return "leaderboard" if self.path == MAIN else PurePosixPath(self.path).stem

    @property
    def text(self) -> str:
        """The choice in words."""
        runtime = "the fastest runtime of each entry" if self.runtime == BEST else self.runtime
        return f"{runtime}, {counted(self.threads, 'thread')}"


@dataclass(frozen=True)
class Ranked:
    """A ranking on the page.

    Attributes:
        name: its anchor.
        heading: its dataset, protocol and evidence.
        title: everything that its entries have in common.
        sentences: the recommendation of one of its entries; empty if there is none.
        notes: sentences on all its rows.
        figures: the Pareto plot, if there is a latency.
        rows: its rows.
    """

    name: str
    heading: str
    title: str
    sentences: Sequence[str]
    notes: Sequence[str]
    figures: Sequence[Figure]
    rows: Sequence[Row]

    @property
    def columns(self) -> list[tuple[str, bool]]:
        """Name of each column, and whether it holds numbers."""
        return [(column.lstrip(">"), column.startswith(">")) for column in COLUMNS]


@dataclass(frozen=True)
class Board:
    """A page with rankings.

    Attributes:
        choice: of which latencies.
        source: its rankings as views, the one with most entries first.
        rankings: the same as they are shown.
        values: facet in which rows differ → its values.
    """

    choice: Choice
    source: Sequence[RankingView]
    rankings: Sequence[Ranked]
    values: Mapping[str, Sequence[str]]


def choices_of(rows: Sequence[EntryView]) -> list[Choice]:
    """The pages with rankings: the fastest runtimes on one thread first.

    Args:
        rows: each entry once for each of its latencies.
    """
    kinds = {(row.latency.runtime, row.latency.threads) for row in rows if row.latency.runtime}
    found: list[Choice] = []
    for threads in sorted({of for _, of in kinds}) or [1]:
        runtimes = sorted({runtime for runtime, of in kinds if of == threads})
        several = len(runtimes) > 1
        for runtime in [*([BEST] if several or not runtimes else []), *runtimes]:
            name = re.sub(r"[^a-z0-9]+", "-", f"{runtime}-{threads}".lower()).strip("-")
            taken = {each.path for each in found}
            path = f"rankings/{name}.html" if found else MAIN
            while path in taken:
                name += "x"
                path = f"rankings/{name}.html"
            found.append(Choice(runtime, threads, path))
    return found


def board(
    database: Database, rows: Sequence[EntryView], choice: Choice, known: KnownSelections
) -> Board:
    """The page of a choice of latencies.

    Args:
        database: the database with the entries.
        rows: each entry once for each of its latencies.
        choice: the latencies of its rankings.
        known: that of `Together`.
    """
    chosen = in_runtime(
        [row for row in rows if row.latency.threads in (choice.threads, 0)], choice.runtime
    )
    rankings = sorted(rank(chosen, known), key=lambda each: -len(each.rows))
    facets = [facets_of(row) for each in rankings for row in each.rows]
    values = {facet: sorted({found[facet] for found in facets}) for facet in FACETS}
    values = {facet: each for facet, each in values.items() if len(each) > 1}
    ranked = [
        _ranked(place, each, values, *_recommendation(database, rows, choice, each, known))
        for place, each in enumerate(rankings, start=1)
    ]
    return Board(choice, rankings, ranked, values)


def _recommendation(
    database: Database,
    rows: Sequence[EntryView],
    choice: Choice,
    ranking: RankingView,
    known: KnownSelections,
) -> tuple[list[str], Gains]:
    """The sentences that recommend an entry of a ranking, and the others against it."""
    first = ranking.rows[0]
    if first.known_speakers:
        return [], {}
    wanted = Wanted(protocol=first.protocol_id, threads=choice.threads, runtime=choice.runtime)
    try:
        found = recommend(database, wanted, rows, known)
    except UsageError:  # no latency of this choice under this protocol
        return [], {}
    shipped = found.shipped
    # A protocol has a ranking for each machine, and the advice is for one of them.
    here = [(row.entry, row.latency) for row in ranking.rows]
    if shipped is None or (shipped.entry, shipped.latency) not in here:
        return [], {}
    gains: Gains = {each.view.entry: each.gain for each in found.others}
    return found.sentences, {**gains, shipped.entry: None}


def _ranked(
    place: int,
    ranking: RankingView,
    values: Mapping[str, list[str]],
    sentences: list[str],
    gains: Gains,
) -> Ranked:
    first = ranking.rows[0]
    heading = f"{first.dataset}, {first.protocol_id}, {first.evidence_text}"
    if first.known_speakers:
        heading += ", weights trained on test speakers"
    notes = [note for note in (ranking.same_clips, ranking.looks) if note]
    return Ranked(
        f"ranking-{place}",
        heading,
        ranking.title,
        sentences,
        [f"{note[:1].upper()}{note[1:]}." for note in notes],
        figure(charts.front_chart(ranking.rows)),
        [row_of(row, values, gains) for row in ranking.rows],
    )
