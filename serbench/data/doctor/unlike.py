"""Recordings that differ from the others of their corpus: rate, channels, duration, name."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from serbench.data.doctor.finding import Finding
from serbench.data.manifest import Manifest, Utterance

NEARLY_ALL = 0.9
"""If at least this share of a corpus is equal in a property, the other recordings are findings."""

FAR = 5.0
"""Robust standard deviations of the logarithm of the duration."""

LEAST_SPREAD = 0.05
"""Smallest standard deviation of that logarithm, for corpora with almost equal lengths."""

COMMON = 5
"""A part of the names has few values if its median value occurs in at least so many names."""

ENOUGH = 20
"""Fewest names among which an unusual one is a finding."""


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
    """Names with a word that no other name has in this part, and that is no field of the recording.

    A speaker, label or sentence may occur only once. Another word that occurs once, in a part with
    few other values, may be a spelling mistake or a different kind of recording.
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
            if word.isalpha() and word.lower() not in _field_words(utterance):
                yield _look_at("name", utterance, f"{word!r} where other names have {usual}")


def _look_at(kind: str, utterance: Utterance, measured: str) -> Finding:
    path = utterance.path
    return Finding(kind, "warning", Path(path).stem, (path,), measured, "look at")


def _parts(name: str) -> list[str]:
    return re.split(r"[^0-9A-Za-z]+", name)


def _field_words(utterance: Utterance) -> Iterable[str]:
    speaker = utterance.speaker.partition("/")[2]
    for field in (speaker, utterance.label, utterance.emotion, utterance.sentence or ""):
        yield from _parts(field.lower())
