"""The table of utterances, harmonised and hashed."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from serbench.data.audio import MEAN
from serbench.data.clip_lengths import length_effects
from serbench.data.emotions import in_order


@dataclass(frozen=True, slots=True)
class Utterance:
    """One recording of a dataset.

    Attributes:
        path: absolute path of the audio file.
        corpus: name of the corpus.
        speaker: ``corpus/speaker``, which is unique even if two corpora use the same name.
        emotion: canonical emotion.
        label: label in the corpus.
        audio_hash: SHA-256 of the decoded samples.
        sample_rate: native rate in Hz.
        channels: native channel count.
        frames: native length in samples.
        sex: ``female``, ``male`` or None.
        sentence: name of the spoken sentence in the corpus, or None.
        channel: the channel used of several: ``mean``, ``left``, ``right``, or a number.
    """

    path: str
    corpus: str
    speaker: str
    emotion: str
    label: str
    audio_hash: str
    sample_rate: int
    channels: int
    frames: int
    sex: str | None = None
    sentence: str | None = None
    channel: str = MEAN

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.frames / self.sample_rate

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """The facts that identify this utterance, whatever the path of its file."""
        return self.corpus, self.speaker, self.emotion, self.audio_hash


@dataclass(frozen=True)
class Manifest:
    """A named, ordered set of utterances.

    The order depends only on the utterances, so that two machines with the same recordings in
    different folders make the same splits.
    """

    name: str
    utterances: tuple[Utterance, ...]
    synthetic: bool = False

    def __len__(self) -> int:
        return len(self.utterances)

    @cached_property
    def emotions(self) -> tuple[str, ...]:
        """The label set: canonical emotions in their fixed order, then others alphabetically."""
        return in_order(utterance.emotion for utterance in self.utterances)

    @cached_property
    def hash(self) -> str:
        """SHA-256 over speaker, emotion and audio of all utterances, without paths and name."""
        digest = hashlib.sha256()
        for utterance in self.utterances:
            used = () if utterance.channel == MEAN else (utterance.channel,)
            digest.update("\t".join((*utterance.identity, *used)).encode() + b"\n")
        return digest.hexdigest()

    @cached_property
    def targets(self) -> npt.NDArray[np.int64]:
        """Index into ``emotions`` for each utterance, ``[N]``."""
        code = {emotion: index for index, emotion in enumerate(self.emotions)}
        return np.array([code[u.emotion] for u in self.utterances], dtype=np.int64)

    @cached_property
    def speakers(self) -> npt.NDArray[np.str_]:
        """The speaker of each utterance, ``[N]``."""
        return np.array([u.speaker for u in self.utterances], dtype=np.str_)

    @cached_property
    def corpora(self) -> npt.NDArray[np.str_]:
        """The corpus of each utterance, ``[N]``."""
        return np.array([u.corpus for u in self.utterances], dtype=np.str_)

    @cached_property
    def audio_hashes(self) -> npt.NDArray[np.str_]:
        """The audio's hash of each utterance, ``[N]``."""
        return np.array([u.audio_hash for u in self.utterances], dtype=np.str_)

    def summary(self) -> dict[str, object]:
        """Counts and durations as plain data, the body of ``corpus show --format json``."""
        rates = Counter(u.sample_rate for u in self.utterances)
        return {
            "utterances": len(self),
            "hash": self.hash,
            "synthetic": self.synthetic,
            "by_corpus": dict(sorted(Counter(u.corpus for u in self.utterances).items())),
            "by_emotion": {
                emotion: int((self.targets == code).sum())
                for code, emotion in enumerate(self.emotions)
            },
            "by_corpus_and_emotion": self._crossed(),
            "speakers": len(set(self.speakers)),
            "speakers_by_corpus": {
                corpus: len(set(self.speakers[self.corpora == corpus]))
                for corpus in sorted(set(self.corpora.tolist()))
            },
            "hours": sum(u.seconds for u in self.utterances) / 3600,
            "hours_by_corpus": {
                corpus: sum(u.seconds for u in self.utterances if u.corpus == corpus) / 3600
                for corpus in sorted(set(self.corpora.tolist()))
            },
            "mean_seconds": float(np.mean([u.seconds for u in self.utterances])),
            "clip_lengths": [asdict(effect) for effect in length_effects(self.utterances)],
            "sample_rates": {str(rate): rates[rate] for rate in sorted(rates)},
        }

    def _crossed(self) -> dict[str, dict[str, int]]:
        pairs = Counter((u.corpus, u.emotion) for u in self.utterances)
        return {
            corpus: {emotion: pairs[corpus, emotion] for emotion in self.emotions}
            for corpus in sorted({corpus for corpus, _ in pairs})
        }


def make_manifest(name: str, utterances: Iterable[Utterance], synthetic: bool = False) -> Manifest:
    """A manifest in its canonical order."""
    ordered = sorted(utterances, key=lambda u: (*u.identity, u.path.rpartition("/")[2]))
    return Manifest(name, tuple(ordered), synthetic)
