"""Copies of a recording with two labels or two speakers, and near-identical recordings.

Copies with the same label and speaker are not listed here, since a scan keeps only one of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from serbench.data.conflicts import find_conflicts
from serbench.data.corpus import Corpus
from serbench.data.doctor.finding import Finding
from serbench.data.doctor.measuring import MeasuredRecording
from serbench.data.fingerprint import near_identical
from serbench.data.manifest import Manifest, Utterance


def copy_findings(
    manifest: Manifest, corpora: Mapping[str, Corpus], recordings: Sequence[MeasuredRecording]
) -> Iterator[Finding]:
    """Findings about copies.

    Args:
        manifest: the dataset.
        corpora: corpora by name, with their lists of published duplicates.
        recordings: all recordings, in the order of the manifest.
    """
    for conflict in find_conflicts(manifest, corpora):
        subject = ", ".join(conflict.recordings)
        yield _doubtful("conflicting-labels", subject, conflict.paths, conflict.evidence)
    by_audio: defaultdict[str, list[Utterance]] = defaultdict(list)
    for utterance in manifest.utterances:
        by_audio[utterance.audio_hash].append(utterance)
    for same in by_audio.values():
        speakers = {utterance.speaker for utterance in same}
        if len(speakers) > 1 and len({utterance.label for utterance in same}) == 1:
            subject = ", ".join(sorted(f"{_name(u)} ({u.speaker})" for u in same))
            paths = sorted(utterance.path for utterance in same)
            yield _doubtful("conflicting-speakers", subject, paths, "identical audio")
    yield from _near(recordings)


def _doubtful(kind: str, subject: str, paths: Sequence[str], evidence: str) -> Finding:
    return Finding(kind, "error", subject, tuple(paths), evidence, "leave out")


def _near(recordings: Sequence[MeasuredRecording]) -> Iterator[Finding]:
    """One finding for each group of near-identical recordings, without identical ones."""
    seen: set[str] = set()
    once: list[tuple[Utterance, np.ndarray]] = []
    for each in recordings:
        if each.sound is not None and each.utterance.audio_hash not in seen:
            seen.add(each.utterance.audio_hash)
            once.append((each.utterance, each.sound.fingerprint))
    if not once:
        return
    pairs = near_identical(np.array([fingerprint for _, fingerprint in once]))
    if not pairs:
        return
    first, second, alike = zip(*pairs, strict=True)
    graph = coo_array((np.ones(len(pairs)), (first, second)), shape=(len(once), len(once)))
    _, group = connected_components(graph, directed=False)
    members: defaultdict[int, list[Utterance]] = defaultdict(list)
    for row in sorted({*first, *second}):
        members[group[row]].append(once[row][0])
    for number, group_members in members.items():
        least = min(s for i, s in zip(first, alike, strict=True) if group[i] == number)
        measured = f"fingerprints agree to {least:.2f}"
        paths = tuple(utterance.path for utterance in group_members)
        if len({utterance.label for utterance in group_members}) > 1:
            subject = ", ".join(f"{_name(u)} ({u.emotion})" for u in group_members)
            yield _doubtful("conflicting-labels", subject, paths, measured)
        else:
            subject = ", ".join(map(_name, group_members))
            yield Finding("near-duplicate", "warning", subject, paths, measured, "look at")


def _name(utterance: Utterance) -> str:
    return Path(utterance.path).stem
