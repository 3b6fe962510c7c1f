"""Identical audio with two emotions, in two files of a dataset or in one of its files only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from serbench.data.corpus import Corpus
from serbench.data.manifest import Manifest, Utterance


@dataclass(frozen=True, slots=True)
class Conflict:
    """Identical audio with two emotions.

    Attributes:
        recordings: the files in the dataset, as ``stem (emotion)``.
        evidence: the evidence for the conflict.
        paths: the files in the dataset.
    """

    recordings: tuple[str, ...]
    evidence: str
    paths: tuple[str, ...] = ()


def find_conflicts(manifest: Manifest, corpora: Mapping[str, Corpus]) -> Iterator[Conflict]:
    """All conflicts of a dataset.

    Two files in the dataset are compared by their audio. If only one of two published duplicates is
    in the dataset, the list of the corpus (``known_conflicts``) is used.

    Args:
        manifest: the dataset.
        corpora: corpora by name; the lists of other corpora are not used.
    """
    by_audio: defaultdict[str, list[Utterance]] = defaultdict(list)
    for utterance in manifest.utterances:
        by_audio[utterance.audio_hash].append(utterance)
    here = {Path(utterance.path).stem for utterance in manifest.utterances}
    for same in by_audio.values():
        if len({utterance.emotion for utterance in same}) > 1:
            yield _conflict(same, "identical audio")
        elif (twin := _published_twin(same[0], corpora)) and twin not in here:
            yield _conflict(same[:1], f"also published as {twin}, which is not in this dataset")


def _conflict(same: list[Utterance], evidence: str) -> Conflict:
    ordered = sorted(same, key=_described)
    paths = tuple(utterance.path for utterance in ordered)
    return Conflict(tuple(map(_described, ordered)), evidence, paths)


def _described(utterance: Utterance) -> str:
    return f"{Path(utterance.path).stem} ({utterance.emotion})"


def _published_twin(utterance: Utterance, corpora: Mapping[str, Corpus]) -> str | None:
    corpus = corpora.get(utterance.corpus)
    return None if corpus is None else corpus.known_conflicts.get(Path(utterance.path).stem)
