"""The sentences of a recommendation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from serbench.score.comparison import Difference
from serbench.score.metric import CORRECTED
from serbench.views.entry import EntryView

if TYPE_CHECKING:
    from serbench.views.recommendation import RecommendationView, Versus

FEW = 3
"""So many entries of a kind are described; the others are only counted."""


def sentences(found: RecommendationView) -> list[str]:
    """The whole recommendation, the most important sentence first."""
    if found.shipped is None:
        return [*_nothing(found), *found.left_out]
    return [
        *_what(found, found.shipped),
        *_score(found, found.shipped),
        *(_optimism(found) if found.best is found.shipped else ()),
        *_weak(found),
        *_cost(found.shipped),
        *_undecided(found),
        *_curve(found),
        *_why(found, found.shipped),
        *_others(found, found.shipped),
        *found.left_out,
    ]


def named(row: EntryView) -> str:
    """An entry with its number and recipe."""
    recipe = [row.readout if row.readout != "pooled" else "", row.head]
    more = ", ".join(filter(None, [row.backbone, *recipe]))
    return f"entry {row.entry} ({more})"


def uars(share: float) -> str:
    """A share in per cent."""
    return f"{100 * share:.1f}"


def gain_text(found: Difference) -> str:
    """A difference in points with its interval."""
    text = f"{100 * found.difference:+.1f} points"
    if found.interval is None:
        return f"{text}, no interval can be estimated"
    low, high = found.interval
    return f"{text}, 95 % interval {100 * low:+.1f} to {100 * high:+.1f}"


def _nothing(found: RecommendationView) -> Iterator[str]:
    wanted = found.wanted
    bounds = [
        *(
            []
            if wanted.max_latency_ms is None
            else [f"answers within {wanted.max_latency_ms:g} ms"]
        ),
        *([] if wanted.max_size_mb is None else [f"has at most {wanted.max_size_mb:g} MB"]),
    ]
    if found.nearest is None or not bounds:
        yield "No entry can be recommended."
        return
    yield f"No entry {' and '.join(bounds)}, so that none is recommended."
    if found.nearest.latency.p90 is not None:
        yield f"The fastest one is {named(found.nearest)}, with {_time(found.nearest)}."


def _what(found: RecommendationView, shipped: EntryView) -> Iterator[str]:
    if found.alternative is not None:
        yield (
            f"Undecided between {named(shipped)} and the faster {named(found.alternative)}: ship "
            f"entry {shipped.entry} until more speakers decide."
        )
    elif found.compared == 1:
        yield f"Ship {named(shipped)}; there is no other entry to compare it with."
    else:
        yield f"Ship {named(shipped)}, chosen from {found.compared} entries."


def _score(found: RecommendationView, shipped: EntryView) -> Iterator[str]:
    score = shipped.scores["uar"]
    whom = "new speakers"
    if shipped.speaker_dependent:
        whom = "other clips of the speakers that it was trained on, not on new speakers"
    speakers = f"{shipped.speakers} speaker" + ("s" if shipped.speakers > 1 else "")
    emotions = int(shipped.tally.confusion.any(axis=1).sum())
    yield (
        f"It is expected to recognise {uars(score.value)} % of the clips of an emotion, averaged "
        f"over the {emotions} emotions (UA; {_interval_text(score.interval)}), on {whom}; this was "
        f"measured on {speakers} of {shipped.dataset} ({shipped.evidence_text}, "
        f"{shipped.protocol_id}), and chance is {uars(1 / emotions)} %."
    )
    if shipped.evidence == CORRECTED:
        unseen = "it" if shipped.speaker_dependent else "its speaker"
        yield (
            f"Each clip was classified by a network that was not trained on {unseen}; the network "
            "to ship was trained on all clips and was not tested itself."
        )
    if shipped.synthetic:
        yield (
            "The dataset is synthetic speech, so that this score does not apply to human speech."
        )


def _interval_text(interval: tuple[float, float] | None) -> str:
    if interval is None:
        return "no interval can be estimated"
    return "95 % interval {} to {}".format(*map(uars, interval))


def _optimism(found: RecommendationView) -> Iterator[str]:
    """The score of the most accurate entry, corrected for the choice among all entries."""
    corrected, best = found.best_corrected, found.best
    if corrected is None or best is None:
        return
    yield (
        f"Entry {best.entry} has the highest UA of {found.compared} entries, and this choice makes "
        f"its UA optimistic; corrected for the choice too, it is {uars(corrected.value)} "
        f"({_interval_text(corrected.interval)})."
    )


def _weak(found: RecommendationView) -> Iterator[str]:
    if found.worst_speakers:
        listed = ", ".join(f"{each.name} ({uars(each.uar)})" for each in found.worst_speakers)
        yield f"Its UA is lowest on the speakers {listed}."
    if found.weakest_emotion is not None:
        emotion, recall = found.weakest_emotion
        groups = "".join(
            f"; by {kind}, its UA is lowest for {each.name} ({uars(each.uar)})"
            for kind, each in found.weakest_groups
        )
        yield f"It recognises {emotion} least often ({uars(recall)} %){groups}."


def _cost(shipped: EntryView) -> Iterator[str]:
    latency, size = shipped.latency, shipped.size_mb
    if latency.p90 is None:
        yield (
            "Its latency was not measured, so that accuracy alone decides; the same `serbench "
            "study run` measures it on this machine."
        )
    else:
        yield f"For one clip it takes {_time(shipped)}, on {latency.place_text}."
    if size is not None and shipped.params is not None:
        yield (
            f"Its weights have {_short(shipped.params / 1e6)} million parameters, "
            f"{_short(size)} MB in {latency.precision or 'fp32'}."
        )


def _time(row: EntryView) -> str:
    latency = row.latency
    if latency.p90 is None:
        return "no latency"
    threads = f"{latency.threads} thread" + ("s" if latency.threads > 1 else "")
    return f"at most {latency.p90:.1f} ms in 90 % of the runs (p90) on {threads}"


def _undecided(found: RecommendationView) -> Iterator[str]:
    alternative, loss, best = found.alternative, found.loss, found.best
    if alternative is None or loss is None or best is None:
        return
    yield (
        f"Entry {alternative.entry} takes {_ms(alternative)} instead of {_ms(found.shipped)} and "
        f"may be as good: its UA is {uars(alternative.uar)}, against entry {best.entry} "
        f"{gain_text(loss)}, and a loss of more than {found.wanted.margin:g} points cannot be "
        "excluded."
    )
    if found.more_speakers is None:
        yield "How many more speakers would decide cannot be estimated from these speakers."
    else:
        count, total = found.more_speakers, found.more_speakers + loss.speakers
        yield (
            f"About {count:,} more speaker{'s' if count > 1 else ''} ({total:,} in all) would "
            "decide with a probability of 80 %, if the difference stays the same."
        )
    if found.costs:
        listed = ", ".join(
            f"{each.name} ({each.kind}, {-100 * each.loss:+.1f} points)" for each in found.costs
        )
        yield f"Entry {alternative.entry} loses most on {listed} against entry {found.entry}."


def _curve(found: RecommendationView) -> Iterator[str]:
    if not found.curve:
        return
    listed = ", ".join(f"{uars(each.uar)} with {each.speakers:.3g}" for each in found.curve)
    yield f"UA of entry {found.entry} by number of training speakers: {listed}."
    gain, before = found.curve[-1].gain, found.curve[-2] if len(found.curve) > 1 else None
    if gain is None or before is None:
        yield "There are too few speakers to train on fewer of them."
        return
    step = f"from {before.speakers:.3g} to {found.curve[-1].speakers:.3g} training speakers"
    if gain.distinguishable and gain.difference > 0:
        hope = "so that recordings of more speakers are likely to raise it further"
    else:
        hope = "so that it is not certain that recordings of more speakers would raise it"
    yield f"Its last step is {gain_text(gain)}, {step}, {hope}."


def _why(found: RecommendationView, shipped: EntryView) -> Iterator[str]:
    best, given_up = found.best, found.given_up
    if best is None or given_up is None:
        return
    yield (
        f"The most accurate entry is {named(best)}, with a UA of {uars(best.uar)} and "
        f"{_ms(best)} instead of {_ms(shipped)}; against it, entry {shipped.entry} has "
        f"{gain_text(given_up)}, so that a loss of more than {found.wanted.margin:g} points is "
        "excluded."
    )
    yield from _optimism(found)


def _others(found: RecommendationView, shipped: EntryView) -> Iterator[str]:
    told = {each.entry for each in (found.best, found.alternative) if each is not None}
    better = [each for each in found.others if each.better and each.view.entry not in told]
    ties = [each for each in found.others if each.ties and each.view.entry not in told]
    if better:
        yield f"Better but slower: {_listed(better)}."
    if ties:
        yield f"Not distinguishable from entry {shipped.entry} in UA: {_listed(ties)}."
    worse = [each for each in found.others if not each.ties and not each.better]
    if worse:
        count = f"{len(worse)} entr" + ("y has" if len(worse) == 1 else "ies have")
        yield f"{count} a significantly lower UA than entry {shipped.entry}."


def _listed(others: Sequence[Versus]) -> str:
    shown = [
        f"{named(each.view)}, UA {uars(each.view.uar)} ({gain_text(each.gain)}), {_ms(each.view)}"
        for each in others[:FEW]
    ]
    more = len(others) - FEW
    if more > 0:
        shown.append(f"and {more} more")
    return "; ".join(shown)


def _ms(row: EntryView | None) -> str:
    return "no latency" if row is None or row.latency.p90 is None else f"{row.latency.p90:.1f} ms"


def _short(number: float) -> str:
    """A positive number with two digits or more."""
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"
