"""Rankings of comparable entries, with their Pareto front."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any

from serbench.score.ranks import ranks
from serbench.store.database import Database
from serbench.views.comparison import KnownSelections, Together
from serbench.views.entry import EntryView
from serbench.views.fastest import BEST, in_runtime
from serbench.views.front import Candidate, verdicts
from serbench.views.reading import read_entries


@dataclass(frozen=True)
class RankingView:
    """Comparable entries: with the same protocol, machine, runtime and thread count.

    Entries with weights that were trained on test speakers are ranked separately.
    """

    rows: tuple[EntryView, ...]

    def is_of(self, protocol: str) -> bool:
        """Whether the entries are of this protocol; see `EntryView.is_of`."""
        return self.rows[0].is_of(protocol)

    @property
    def title(self) -> str:
        """The properties that all rows have in common, as text."""
        first, latency = self.rows[0], self.rows[0].latency
        measured = next((row.latency for row in self.rows if row.latency.runtime), latency)
        threads = f"{measured.threads} thread" + ("s" if measured.threads > 1 else "")
        where = f"{measured.place_text}, {threads}" if measured.runtime else measured.machine
        return (
            f"{first.dataset}{' (synthetic speech)' if first.synthetic else ''}"
            f" [{first.dataset_hash[:8]}] · {first.protocol_id} · {first.evidence_text}"
            f"{' (speaker-dependent)' if first.speaker_dependent else ''}"
            f"{' (weights were trained on test speakers)' if first.known_speakers else ''}"
            f" · {where}"
        )

    @property
    def clips(self) -> list[str]:
        """For each row, the parts of its clip format in which rows differ; empty for an import."""
        differing = [len(set(each)) > 1 for each in self._clip_parts]
        return [", ".join(compress(row.clip_parts, differing)) for row in self.rows]

    @property
    def same_clips(self) -> str | None:
        """The other parts of the clip formats as a sentence; None if there are none."""
        same = [each[0] for each in self._clip_parts if len(set(each)) == 1]
        return f"clips of all studies: {', '.join(same)}" if same else None

    @property
    def _clip_parts(self) -> list[tuple[str, ...]]:
        """For each part of a clip format, its text for each row that is no import."""
        return list(zip(*filter(None, (row.clip_parts for row in self.rows)), strict=True))

    @property
    def looks(self) -> str | None:
        """The number of tests on this holdout as a sentence; None if there was only one."""
        total = max(row.holdout_looks_total for row in self.rows)
        if total <= 1:
            return None
        again = {row.entry: row.holdout_looks for row in self.rows if row.holdout_looks > 1}
        listed = ", ".join(f"entry {entry}, {count} times" for entry, count in again.items())
        several = f"; several times in one study: {listed}" if again else ""
        return (
            f"networks tested on this holdout so far: {total}{several} (with more tests, the best "
            "score is more optimistic)"
        )


def rankings(
    database: Database,
    dataset: str | None = None,
    threads: int | None = 1,
    protocol: str | None = None,
    per_clip_intervals: bool = False,
    commercial: bool = False,
    runtime: str = BEST,
) -> list[RankingView]:
    """All rankings of comparable entries.

    Args:
        database: the database with the entries.
        dataset: only entries on the dataset of this name.
        threads: only latencies at this thread count; None for all.
        protocol: only entries of this protocol, by name or identifier.
        per_clip_intervals: whether to add the interval as if all clips were independent.
        commercial: only entries whose corpora and weights all allow commercial use.
        runtime: only latencies in the runtime of this name; ``best`` for the fastest one of each
            entry, ``all`` for a ranking of each runtime (see `in_runtime`).

    Raises:
        UsageError: there are latencies, but none in this runtime.
    """
    entries = in_runtime(read_entries(database, dataset, threads), runtime)
    found = rank([row for row in entries if row.commercial == "yes"] if commercial else entries)
    if protocol is not None:
        found = [ranking for ranking in found if ranking.is_of(protocol)]
    return [_with_clip_intervals(ranking) for ranking in found] if per_clip_intervals else found


def rank(rows: Iterable[EntryView], known: KnownSelections | None = None) -> list[RankingView]:
    """Rank comparable entries: first those that may be the best, then the others, by UA.

    Entries with different protocols (and so datasets), machines, runtimes, library versions, clip
    lengths or thread counts are in different rankings, and so are entries with and without test
    speakers in their pretraining. An entry without a latency is in every ranking of its protocol.
    Equal UAs are ordered by latency. ``known`` is that of `Together`.
    """
    groups: dict[tuple[object, ...], list[EntryView]] = {}
    unmeasured: dict[tuple[object, ...], list[EntryView]] = {}
    for row in rows:
        latency, tests = row.latency, (row.protocol_id, bool(row.known_speakers))
        if latency.p90 is None:
            unmeasured.setdefault(tests, []).append(row)
        else:
            alike = (*tests, latency.place, latency.threads)
            groups.setdefault(alike, []).append(row)
    for tested, without_latency in unmeasured.items():
        places = [group for alike, group in groups.items() if alike[:2] == tested]
        for group in places:
            group += without_latency
        if not places:
            groups[tested] = without_latency
    return [RankingView(_placed(group, known)) for group in groups.values()]


def _placed(group: Sequence[EntryView], known: KnownSelections | None) -> tuple[EntryView, ...]:
    scores = Together(group, known).scores()
    front = verdicts(
        [
            Candidate(row.uar, row.latency.p50, row.latency.p90, score)
            for row, score in zip(group, scores, strict=True)
        ]
    )
    places = list(zip(group, front, ranks(scores), strict=True))
    places.sort(
        key=lambda place: (
            place[2].first > 1,
            -place[0].uar,
            place[0].latency.p90 or float("inf"),
            place[0].entry,
        )
    )
    return tuple(
        replace(
            row,
            rank=number,
            front=verdict,
            best=standing.best,
            rank_ci=(standing.first, standing.last),
        )
        for number, (row, verdict, standing) in enumerate(places, start=1)
    )


def _with_clip_intervals(ranking: RankingView) -> RankingView:
    """The same ranking with the additional interval as if all clips were independent."""
    from serbench.score.intervals import clip_interval

    return RankingView(
        tuple(replace(row, uar_clip_ci=clip_interval(row.tally)) for row in ranking.rows)
    )


def flat_rows(found: Sequence[RankingView]) -> list[dict[str, Any]]:
    """All rows of all rankings as rows of one table with the columns `flat_columns`."""
    return [row.as_flat_dict() for ranking in found for row in ranking.rows]


def flat_columns(found: Sequence[RankingView]) -> list[str]:
    """The columns of `flat_rows`, with all metrics for which an entry has a score."""
    return list(dict.fromkeys(name for row in flat_rows(found) for name in row))
