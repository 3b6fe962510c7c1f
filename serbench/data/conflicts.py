"""The same audio under two emotions, whether both files are here or only one of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from serbench.data.corpus import Corpus
from serbench.data.manifest import Manifest, Utterance


@dataclass(frozen=True, slots=True)
class Conflict:
    """The same audio under two emotions.

    Attributes:
        recordings: the files here, as ``stem (emotion)``.
        evidence: how it is known.
        paths: the files here.
    """

    recordings: tuple[str, ...]
    evidence: str
    paths: tuple[str, ...] = ()


def find_conflicts(manifest: Manifest, corpora: Mapping[str, Corpus]) -> Iterator[Conflict]:
    """Every conflict of a dataset.

    Twins that are both here are judged by their audio; where one is not, the corpus is believed.

    Args:
        manifest: the dataset.
        corpora: by name; a corpus that is not among them has nothing to say of its twins.
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
