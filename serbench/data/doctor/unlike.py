"""What is unlike the rest of its corpus: rate, channels, duration, name."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from serbench.data.doctor.finding import Finding
from serbench.data.manifest import Manifest, Utterance

NEARLY_ALL = 0.9
"""The part of a corpus that has to agree before the others are unlike it."""

FAR = 5.0
"""Robust standard deviations of the logarithm of the duration."""

LEAST_SPREAD = 0.05
"""Of that logarithm: recordings of one length exactly would make every other one far out."""

COMMON = 5
"""A place in the names takes few values where most names share theirs with so many."""

ENOUGH = 20
"""Names in which one that is unlike the others means anything."""


def unlike_findings(manifest: Manifest) -> Iterator[Finding]:
    """Findings about recordings that differ from nearly all others of their corpus."""
    corpora: defaultdict[str, list[Utterance]] = defaultdict(list)
    for utterance in manifest.utterances:
        corpora[utterance.corpus].append(utterance)
    for corpus, members in sorted(corpora.items()):
        yield from _odd("sample-rate", corpus, members, _rate)
        yield from _odd("channels", corpus, members, _channels)
        yield from _durations(corpus, members)
        shapes: defaultdict[int, list[Utterance]] = defaultdict(list)
        for utterance in members:
            shapes[len(_parts(Path(utterance.path).stem))].append(utterance)
        for alike in shapes.values():
            if len(alike) >= ENOUGH:
                yield from _names(alike)


def _rate(utterance: Utterance) -> str:
    return f"{utterance.sample_rate:,} Hz"


def _channels(utterance: Utterance) -> str:
    return "1 channel" if utterance.channels == 1 else f"{utterance.channels} channels"


def _odd(
    kind: str, corpus: str, members: list[Utterance], describe: Callable[[Utterance], str]
) -> Iterator[Finding]:
    usual, count = Counter(map(describe, members)).most_common(1)[0]
    if count < NEARLY_ALL * len(members):
        return
    for utterance in members:
        if describe(utterance) != usual:
            path = utterance.path
            measured = f"{describe(utterance)}; {corpus}: {usual}"
            yield Finding(kind, "note", Path(path).stem, (path,), measured, "convert")


def _durations(corpus: str, members: list[Utterance]) -> Iterator[Finding]:
    """Iglewicz and Hoaglin, *How to Detect and Handle Outliers*, 1993, on logarithms."""
    logarithms = np.log([utterance.seconds for utterance in members])
    median = np.median(logarithms)
    spread = max(1.4826 * float(np.median(np.abs(logarithms - median))), LEAST_SPREAD)
    for utterance, far in zip(members, (logarithms - median) / spread, strict=True):
        if abs(far) > FAR:
            measured = (
                f"{utterance.seconds:.2f} s; the median of {corpus} is {np.exp(median):.2f} s "
                f"({abs(far):.0f} robust standard deviations)"
            )
            yield _look_at("duration", utterance, measured)


def _names(alike: list[Utterance]) -> Iterator[Finding]:
    """Names with a word that no other name has in its place, and that nobody took as it stands.

    The speaker, the label or the sentence may well be the only one of its kind; a word that is
    none of these, where the other names have the same few, was read between the lines.
    """
    named = [(utterance, _parts(Path(utterance.path).stem)) for utterance in alike]
    for place in range(len(named[0][1])):
        words = [(utterance, parts[place]) for utterance, parts in named]
        counts = Counter(word.lower() for _, word in words)
        lone = [(utterance, word) for utterance, word in words if counts[word.lower()] == 1]
        shared = np.median([counts[word.lower()] for _, word in words])
        if shared < COMMON or len(lone) > max(1, len(alike) // 100):
            continue
        usual = " or ".join(repr(word) for word, _ in Counter(w for _, w in words).most_common(2))
        for utterance, word in lone:
            if word.isalpha() and word.lower() not in _understood(utterance):
                yield _look_at("name", utterance, f"{word!r} where other names have {usual}")


def _look_at(kind: str, utterance: Utterance, measured: str) -> Finding:
    path = utterance.path
    return Finding(kind, "warning", Path(path).stem, (path,), measured, "look at")


def _parts(name: str) -> list[str]:
    return re.split(r"[^0-9A-Za-z]+", name)


def _understood(utterance: Utterance) -> Iterable[str]:
    speaker = utterance.speaker.partition("/")[2]
    for said in (speaker, utterance.label, utterance.emotion, utterance.sentence or ""):
        yield from _parts(said.lower())
