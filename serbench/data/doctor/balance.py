"""Emotions and speakers with too few clips for a study."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np

from serbench.data.doctor.finding import Finding
from serbench.data.manifest import Manifest, Utterance

FEW = 0.1
"""Share of the median number of clips of the emotions of a corpus; fewer clips are a finding."""


def balance_findings(manifest: Manifest) -> Iterator[Finding]:
    """Findings about emotions with few clips or one speaker, and speakers with one emotion."""
    classes: defaultdict[tuple[str, str], list[Utterance]] = defaultdict(list)
    emotions: defaultdict[str, list[Utterance]] = defaultdict(list)
    speakers: defaultdict[str, list[Utterance]] = defaultdict(list)
    for utterance in manifest.utterances:
        classes[utterance.corpus, utterance.emotion].append(utterance)
        emotions[utterance.emotion].append(utterance)
        speakers[utterance.speaker].append(utterance)
    sizes: defaultdict[str, list[int]] = defaultdict(list)
    for (corpus, _), clips in classes.items():
        sizes[corpus].append(len(clips))
    for (corpus, emotion), clips in classes.items():
        median = float(np.median(sizes[corpus]))
        if len(clips) < FEW * median:
            measured = f"clips: {len(clips)}; the median emotion of {corpus} has {median:,.0f}"
            yield _about("lone-class", f"{corpus}: {emotion}", clips, measured)
    for emotion, clips in emotions.items():
        expressed_by = Counter(utterance.speaker for utterance in clips)
        if len(expressed_by) == 1 and len(speakers) > 1:
            measured = f"only {clips[0].speaker} of {len(speakers)} speakers expresses it"
            yield _about("lone-class", emotion, clips, measured)
    for speaker, clips in speakers.items():
        if len(emotions) > 1 and len({utterance.emotion for utterance in clips}) == 1:
            measured = f"only {clips[0].emotion}, clips: {len(clips)}"
            yield _about("one-emotion-speaker", speaker, clips, measured)


def _about(kind: str, subject: str, clips: list[Utterance], measured: str) -> Finding:
    paths = tuple(utterance.path for utterance in clips)
    return Finding(kind, "warning", subject, paths, measured, "look at")
