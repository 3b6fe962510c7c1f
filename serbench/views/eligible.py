"""Which entries a recommendation may choose from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from serbench.errors import UsageError
from serbench.views.entry import EntryView
from serbench.views.fastest import BEST, in_runtime

MARGIN = 3.0
"""By default a faster entry may lose this many points of UA."""


@dataclass(frozen=True)
class Wanted:
    """What a recommended entry has to fulfil.

    Attributes:
        dataset: name of its dataset; None if there is only one.
        protocol: name or identifier of its protocol; None if there is only one.
        threads: threads of its latency.
        runtime: runtime of its latency, or ``best`` for the fastest one of each entry.
        max_latency_ms: largest p90 latency; None for any.
        max_size_mb: largest size of its weights in MB; None for any.
        commercial: whether its corpora and weights must allow commercial use.
        margin: points of UA that a faster entry may lose.
    """

    dataset: str | None = None
    protocol: str | None = None
    threads: int = 1
    runtime: str = BEST
    max_latency_ms: float | None = None
    max_size_mb: float | None = None
    commercial: bool = False
    margin: float = MARGIN


def comparable(rows: Sequence[EntryView], wanted: Wanted) -> tuple[list[EntryView], list[str]]:
    """The entries that can be compared, and a sentence for each reason for leaving some out.

    Entries that were measured on another machine, in another runtime, with other library versions
    or clip lengths than most are left out, as are entries whose weights were trained on test
    speakers. If no entry has a latency, none is left out for that.

    Raises:
        UsageError: there is no entry; or the entries have several protocols and none is named; or
            none was measured in the runtime or on the number of threads.
    """
    left_out: list[str] = []
    found = _of_one_protocol(rows, wanted)
    found = _without(
        found,
        [row for row in found if row.known_speakers],
        "their weights were trained on tested speakers",
        left_out,
    )
    if wanted.commercial:
        found = _without(
            found,
            [row for row in found if row.commercial != "yes"],
            "their corpora or weights do not allow commercial use or have unknown licences",
            left_out,
        )
    return _of_one_place(found, wanted, left_out), left_out


def _of_one_protocol(rows: Sequence[EntryView], wanted: Wanted) -> list[EntryView]:
    """The rows of the protocol that is named, or of the only one.

    Raises:
        UsageError: there is none, or there are several.
    """
    named = wanted.protocol
    found = [row for row in rows if named is None or row.is_of(named)]
    if not found:
        raise UsageError(
            "no entries yet: make one with `serbench study run`"
            if not rows
            else f"no entries under {named}: `serbench leaderboard` shows all entries",
            dataset=wanted.dataset,
            protocol=named,
        )
    entries = {row.entry: row for row in found}
    counts = Counter((row.dataset, row.protocol_id) for row in entries.values())
    if len({protocol for _, protocol in counts}) > 1:
        choices = ", ".join(
            f"--dataset {dataset} --protocol {protocol} "
            f"({count} {'entry' if count == 1 else 'entries'})"
            for (dataset, protocol), count in counts.most_common()
        )
        raise UsageError(
            "scores of different protocols cannot be compared, and the entries have several: "
            f"choose from {choices}",
            protocols=[protocol for _, protocol in counts],
        )
    return found


def _of_one_place(
    rows: Sequence[EntryView], wanted: Wanted, left_out: list[str]
) -> list[EntryView]:
    """The rows whose latencies can be compared, of as many entries as possible.

    If no entry has a latency, all of them, each once.

    Raises:
        UsageError: there are latencies, but none in this runtime or on this number of threads.
    """
    entries = {row.entry: row for row in rows}
    measured = [row for row in rows if row.latency.p90 is not None]
    if not measured:
        return list(entries.values())
    fitting = [
        row for row in in_runtime(measured, wanted.runtime) if row.latency.threads == wanted.threads
    ]
    if not fitting:
        kinds = sorted({(row.latency.runtime, row.latency.threads) for row in measured})
        raise UsageError(
            f"no latency was measured {_in_runtime(wanted)}: choose --runtime and --threads from "
            + ", ".join(f"{runtime} on {threads}" for runtime, threads in kinds),
            kinds=kinds,
        )
    places = Counter(row.latency.place for row in fitting)
    [(place, _)] = places.most_common(1)
    kept = [row for row in fitting if row.latency.place == place]
    elsewhere = {row.entry for row in measured} - {row.entry for row in kept}
    never = entries.keys() - {row.entry for row in measured}
    for numbers, why in (
        (
            elsewhere,
            f"they have no latency on {kept[0].latency.place_text} (there, the same "
            "`serbench study run` measures it)",
        ),
        (never, "their latency was not measured"),
    ):
        _without(list(entries.values()), [entries[each] for each in sorted(numbers)], why, left_out)
    return kept


def _in_runtime(wanted: Wanted) -> str:
    runtime = "" if wanted.runtime == BEST else f"in {wanted.runtime} "
    return f"{runtime}on {wanted.threads} thread" + ("s" if wanted.threads > 1 else "")


def within_bounds(
    rows: Sequence[EntryView], wanted: Wanted, left_out: list[str]
) -> list[EntryView]:
    """The rows within the bounds of latency and size; what is unknown is not within a bound."""
    kept = list(rows)
    slowest, largest = wanted.max_latency_ms, wanted.max_size_mb
    if slowest is not None:
        kept = _without(
            kept,
            [row for row in kept if row.latency.p90 is None or row.latency.p90 > slowest],
            f"they do not answer within {slowest:g} ms (p90)",
            left_out,
        )
    if largest is not None:
        kept = _without(
            kept,
            [row for row in kept if row.size_mb is None or row.size_mb > largest],
            f"their weights do not have at most {largest:g} MB",
            left_out,
        )
    return kept


def _without(
    rows: Sequence[EntryView], gone: Sequence[EntryView], why: str, left_out: list[str]
) -> list[EntryView]:
    """The other rows; a sentence on those that are gone is added to ``left_out``."""
    numbers = sorted({row.entry for row in gone})
    if numbers:
        listed = ", ".join(map(str, numbers))
        noun = "entry" if len(numbers) == 1 else "entries"
        left_out.append(f"Left out: {noun} {listed}, because {why}.")
    return [row for row in rows if row.entry not in numbers]
