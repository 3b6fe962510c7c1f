"""Which entry to ship, in whole sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from serbench.score.comparison import Difference, differences
from serbench.score.learning_curve import Point
from serbench.score.recommendation import Choice, Contender, choose
from serbench.score.selection import Corrected
from serbench.store.database import Database
from serbench.views.comparison import KnownSelections, Together
from serbench.views.detail import SEX_NOT_KNOWN, EntryDetail, Group, entry_detail
from serbench.views.eligible import Wanted, comparable, within_bounds
from serbench.views.entry import EntryView
from serbench.views.reading import read_entries
from serbench.views.recommendation_text import sentences

WORST = 3
"""Number of worst speakers that are named."""


@dataclass(frozen=True)
class Versus:
    """Another entry against the recommended one.

    Attributes:
        view: the other entry.
        gain: its UA minus that of the recommended entry; the intervals of all entries that were
            compared hold together.
    """

    view: EntryView
    gain: Difference

    @property
    def ties(self) -> bool:
        """Whether the two are not distinguishable."""
        return not self.gain.distinguishable

    @property
    def better(self) -> bool:
        """Whether the other entry is distinguishably better."""
        return self.gain.distinguishable and self.gain.difference > 0


@dataclass(frozen=True)
class Cost:
    """Where the faster entry loses most.

    Attributes:
        kind: ``emotion``, ``sex`` or ``corpus``.
        name: of the emotion or group.
        loss: recall or UA of the recommended entry minus that of the faster one.
    """

    kind: str
    name: str
    loss: float


@dataclass(frozen=True)
class RecommendationView:
    """The recommended entry, and the entries that it was compared with.

    Attributes:
        wanted: what was asked for.
        compared: number of entries that fulfil it.
        shipped: the recommended entry; None if no entry fulfils ``wanted``.
        best: the most accurate entry; None if there is none.
        best_corrected: UA of ``best``, corrected also for the choice among the entries; None if it
            is the only entry or its own score needs no correction (see `Together.best`).
        alternative: a faster entry that may be as good; None if the recommendation is decided.
        loss: UA of ``alternative`` minus UA of ``best``.
        given_up: UA of ``shipped`` minus UA of ``best``, with the interval of the rule; None if
            they are the same entry.
        more_speakers: number of further speakers that would decide, with a probability of 80 %;
            None if it is decided or cannot be estimated.
        worst_speakers: speakers on whom ``shipped`` has its lowest UAs, worst first.
        weakest_emotion: emotion with its lowest recall, and this recall.
        weakest_groups: sex and corpus with its lowest UA, where there are several.
        costs: emotion, sex and corpus in which ``alternative`` loses most against ``shipped``.
        others: the other entries against ``shipped``, most accurate first.
        left_out: a sentence for each reason for which entries were left out.
        curve: the learning curve of ``shipped``, if it was asked for.
        nearest: the fastest entry of those without a bound, if none fulfils the bounds.
    """

    wanted: Wanted
    compared: int
    shipped: EntryView | None
    best: EntryView | None = None
    best_corrected: Corrected | None = None
    alternative: EntryView | None = None
    loss: Difference | None = None
    given_up: Difference | None = None
    more_speakers: int | None = None
    worst_speakers: tuple[Group, ...] = ()
    weakest_emotion: tuple[str, float] | None = None
    weakest_groups: tuple[tuple[str, Group], ...] = ()
    costs: tuple[Cost, ...] = ()
    others: tuple[Versus, ...] = ()
    left_out: tuple[str, ...] = ()
    curve: tuple[Point, ...] = ()
    nearest: EntryView | None = None

    @property
    def entry(self) -> int | None:
        """Number of the recommended entry."""
        return None if self.shipped is None else self.shipped.entry

    @property
    def decided(self) -> bool:
        """Whether an entry is recommended and no faster one may be as good."""
        return self.shipped is not None and self.alternative is None

    @property
    def sentences(self) -> list[str]:
        """The whole recommendation as sentences, the most important one first."""
        return sentences(self)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for ``--format json``."""
        shipped, corrected = self.shipped, self.best_corrected
        return {
            "entry": self.entry,
            "decided": self.decided,
            "sentences": self.sentences,
            "compared": self.compared,
            "margin": self.wanted.margin,
            "max_latency_ms": self.wanted.max_latency_ms,
            "max_size_mb": self.wanted.max_size_mb,
            "recommended": None if shipped is None else shipped.as_dict(),
            "size_mb": None if shipped is None else shipped.size_mb,
            "worst_speakers": [vars(each) for each in self.worst_speakers],
            "weakest_emotion": self.weakest_emotion,
            "weakest_groups": [{"kind": kind, **vars(each)} for kind, each in self.weakest_groups],
            "best": None if self.best is None else self.best.entry,
            "best_corrected_uar": corrected and corrected.value,
            "best_corrected_uar_ci": corrected and corrected.interval,
            "alternative": None if self.alternative is None else self.alternative.entry,
            "loss": _plain(self.loss),
            "given_up": _plain(self.given_up),
            "more_speakers": self.more_speakers,
            "costs": [vars(each) for each in self.costs],
            "others": [
                {
                    "entry": each.view.entry,
                    "uar": each.view.uar,
                    "latency_ms_p90": each.view.latency.p90,
                    "size_mb": each.view.size_mb,
                    "ties": each.ties,
                    "better": each.better,
                    **(_plain(each.gain) or {}),
                }
                for each in self.others
            ],
            "learning_curve": [
                {
                    "speakers": point.speakers,
                    "uar": point.uar,
                    "interval": point.interval,
                    "gain": _plain(point.gain),
                }
                for point in self.curve
            ],
            "left_out": list(self.left_out),
        }


def _plain(found: Difference | None) -> dict[str, Any] | None:
    return None if found is None else {"difference": found.difference, "interval": found.interval}


def recommend(
    database: Database,
    wanted: Wanted,
    rows: Sequence[EntryView] | None = None,
    known: KnownSelections | None = None,
) -> RecommendationView:
    """Recommend one entry by the rule of `serbench.score.recommendation`.

    Args:
        database: the database with the entries.
        wanted: what is asked for.
        rows: each entry once for each of its latencies, if they were read already.
        known: that of `Together`.

    Raises:
        UsageError: see `comparable`.
    """
    everything = read_entries(database, wanted.dataset) if rows is None else rows
    rows, left_out = comparable(everything, wanted)
    allowed = within_bounds(rows, wanted, left_out)
    if not allowed:
        nearest = min(rows, key=lambda row: row.latency.p90 or float("inf"), default=None)
        return RecommendationView(wanted, 0, None, left_out=tuple(left_out), nearest=nearest)
    together = Together(allowed, known)
    scores = together.scores()
    choice = choose(
        [Contender(score, row.latency.p90) for score, row in zip(scores, allowed, strict=True)],
        wanted.margin / 100,
    )
    shipped = choice.chosen
    others = sorted(
        (place for place in range(len(allowed)) if place != shipped),
        key=lambda place: -scores[place].score,
    )
    gains = differences([(scores[place], scores[shipped]) for place in others])
    found = _detailed(
        database,
        choice,
        allowed,
        wanted,
        tuple(Versus(allowed[place], gain) for place, gain in zip(others, gains, strict=True)),
        tuple(left_out),
    )
    return replace(found, best_corrected=together.best())


def _detailed(
    database: Database,
    choice: Choice,
    rows: Sequence[EntryView],
    wanted: Wanted,
    others: tuple[Versus, ...],
    left_out: tuple[str, ...],
) -> RecommendationView:
    shipped = rows[choice.chosen]
    detail = entry_detail(database, shipped.entry)
    alternative = None if choice.alternative is None else rows[choice.alternative]
    return RecommendationView(
        wanted,
        len(rows),
        shipped,
        best=rows[choice.best],
        alternative=alternative,
        loss=None if choice.alternative is None else choice.losses[choice.alternative],
        given_up=choice.losses.get(choice.chosen),
        more_speakers=choice.more_speakers,
        worst_speakers=detail.speakers[:WORST] if len(detail.speakers) > 1 else (),
        weakest_emotion=min(_recalls(detail).items(), key=lambda each: each[1]),
        weakest_groups=tuple(
            (kind, groups[0])
            for kind, groups in (("sex", _known(detail.sexes)), ("corpus", detail.corpora))
            if len(groups) > 1
        ),
        costs=()
        if alternative is None
        else _costs(detail, entry_detail(database, alternative.entry)),
        others=others,
        left_out=left_out,
    )


def _recalls(detail: EntryDetail) -> dict[str, float]:
    pairs = zip(detail.emotions, detail.recalls, strict=True)
    return {emotion: recall for emotion, recall in pairs if recall is not None}


def _costs(shipped: EntryDetail, faster: EntryDetail) -> tuple[Cost, ...]:
    """The emotion, and of several sexes and corpora those, in which the faster one loses most."""
    found = []
    for kind, one, other in (
        ("emotion", _recalls(shipped), _recalls(faster)),
        ("sex", _uars(_known(shipped.sexes)), _uars(_known(faster.sexes))),
        ("corpus", _uars(shipped.corpora), _uars(faster.corpora)),
    ):
        losses = {name: one[name] - other[name] for name in one}
        name = max(losses, key=lambda each: losses[each], default="")
        if len(losses) > 1 and losses[name] > 0:
            found.append(Cost(kind, name, losses[name]))
    return tuple(found)


def _uars(groups: Sequence[Group]) -> dict[str, float]:
    return {group.name: group.uar for group in groups}


def _known(sexes: Sequence[Group]) -> list[Group]:
    return [group for group in sexes if group.name != SEX_NOT_KNOWN]
