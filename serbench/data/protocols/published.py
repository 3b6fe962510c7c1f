"""Protocols of published results, with the same groups of test speakers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from serbench.data.manifest import Manifest
from serbench.data.protocols.units import Rows
from serbench.errors import DatasetError


@dataclass(frozen=True)
class Published:
    """The groups of test speakers of a publication.

    Attributes:
        corpus: name of the corpus of the speakers.
        holdouts: the speakers in the holdout of each outer fold.
        sentence: the rule and its source, as text.
    """

    corpus: str
    holdouts: tuple[tuple[str, ...], ...]
    sentence: str

    @property
    def speakers(self) -> tuple[str, ...]:
        """All speakers, as ``corpus/speaker``."""
        return tuple(f"{self.corpus}/{speaker}" for holdout in self.holdouts for speaker in holdout)


def _actors(*holdouts: Sequence[int]) -> tuple[tuple[str, ...], ...]:
    """Numbers of actors in two digits, as RAVDESS and EmoDB write them."""
    return tuple(tuple(f"{actor:02}" for actor in holdout) for holdout in holdouts)


PUBLISHED = {
    "ravdess/emobox-6": Published(
        corpus="ravdess",
        holdouts=_actors(
            (1, 11, 20, 21),
            (4, 10, 12, 14),
            (8, 9, 19, 23),
            (3, 5, 7, 24),
            (2, 15, 16, 18),
            (6, 13, 17, 22),
        ),
        sentence="the six groups of four actors that EmoBox tests (Ma et al., Interspeech 2024)",
    ),
    "ravdess/luna-5": Published(
        corpus="ravdess",
        holdouts=_actors(
            (2, 5, 14, 15, 16),
            (3, 6, 7, 13, 18),
            (10, 11, 12, 19, 20),
            (8, 17, 21, 23, 24),
            (1, 4, 9, 22),
        ),
        sentence="the five groups of actors of Luna-Jiménez et al. (Sensors 21, 7665, 2021)",
    ),
    "emodb/loso": Published(
        corpus="emodb",
        holdouts=_actors((3,), *((actor,) for actor in range(8, 17))),
        sentence="each of EmoDB's ten speakers is tested once (leave one speaker out)",
    ),
    "iemocap/session-5": Published(
        corpus="iemocap",
        holdouts=tuple((f"Ses{number:02}F", f"Ses{number:02}M") for number in range(1, 6)),
        sentence="each of IEMOCAP's five sessions, two speakers each, is tested once",
    ),
}


def published_holdouts(manifest: Manifest, name: str) -> Rows:
    """The number of the outer fold that tests each utterance, ``[N]``.

    Raises:
        DatasetError: the dataset lacks a speaker of the protocol, or has other speakers too.
    """
    protocol = PUBLISHED[name]
    present = set(manifest.speakers.tolist())
    missing = sorted(set(protocol.speakers) - present)
    if missing:
        names = ", ".join(speaker.partition("/")[2] for speaker in missing)
        raise DatasetError(
            f"protocol {name} needs all {len(protocol.speakers)} speakers of {protocol.corpus}, "
            f"and dataset '{manifest.name}' lacks {names}: scan the whole corpus, or use "
            "--protocol speaker-5"
        )
    others = sorted(present - set(protocol.speakers))
    if others:
        raise DatasetError(
            f"protocol {name} needs a dataset with speakers of {protocol.corpus} only, and dataset "
            f"'{manifest.name}' also has {others[0]}: scan {protocol.corpus} alone with "
            f"`serbench corpus scan FOLDER --dataset NAME --corpus {protocol.corpus}`"
        )
    number = {
        f"{protocol.corpus}/{speaker}": number
        for number, holdout in enumerate(protocol.holdouts)
        for speaker in holdout
    }
    return np.array([number[speaker] for speaker in manifest.speakers.tolist()], dtype=np.int64)
