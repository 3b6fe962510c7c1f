"""Predict the emotion of sound as it arrives: the last window of it, at every hop."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from serbench.data.clips import Waveform, standardise
from serbench.deploy.answering import Answerer, Prediction
from serbench.deploy.predict import SHORTEST
from serbench.deploy.sources import Source
from serbench.deploy.speech import SpeechDetector, with_speech
from serbench.deploy.timelines import answer_dict
from serbench.errors import AudioError

HOP = 0.5
"""Seconds between two answers."""

NEWEST = 1.0
"""Speech must be in the last so many seconds: an emotion is not shown long after it has ended."""

CONTEXT = 3.0
"""Seconds of sound, at least, in which speech is detected: a short window alone is too little."""


@dataclass(frozen=True)
class Moment:
    """The answer for the last window of the sound at one moment.

    Attributes:
        seconds: of sound that had arrived.
        added: seconds of it that arrived since the answer before.
        computing: seconds that the answer took.
        answer: the emotion; None in silence.
    """

    seconds: float
    added: float
    computing: float
    answer: Prediction | None

    @property
    def real_time_factor(self) -> float:
        """Computing time as part of the time between two answers; above 1 it is too slow."""
        return self.computing / self.added

    def as_dict(self) -> dict[str, Any]:
        """Plain data; emotion, confidence and probabilities are None in silence."""
        return {
            "seconds": self.seconds,
            "silent": self.answer is None,
            **answer_dict(self.answer),
            "real_time_factor": self.real_time_factor,
        }


@dataclass(frozen=True)
class Live:
    """Answers for sound as it arrives.

    Attributes:
        answerer: the trained network.
        detector: finds speech; None to answer silence too.
        hop: seconds between two answers.
        reject_below: least confidence of an answer that is not rejected.
    """

    answerer: Answerer
    detector: SpeechDetector | None
    hop: float
    reject_below: float = 0.0

    def moments(self, source: Source) -> Iterator[Moment]:
        """An answer after each hop, until the sound ends.

        Each answer is that for a recording of the last window. Before a whole window has arrived,
        the recording is shorter and padded. If computing is slower than the sound of a microphone,
        answers are left out, so that none is late.

        Raises:
            AudioError: the sound ends before there is enough of it for an answer, or the logits
                are NaN.
            SerbenchError: the source is lost.
        """
        rate, seconds = source.sample_rate, self.answerer.clip_format.seconds
        size = max(round(seconds * rate), 1)
        kept = round(max(seconds, CONTEXT) * rate)
        self._answer(np.zeros(size, np.float32), rate)  # the first one takes longer
        self._has_speech(np.zeros(size, np.float32), rate)
        sound = np.zeros(0, np.float32)
        frames = answers = 0
        for block in source.blocks(self.hop):
            started = time.perf_counter()
            sound = np.concatenate([sound, block])[-kept:]
            frames += len(block)
            if len(sound) < SHORTEST * rate:
                continue
            answer = self._answer(sound[-size:], rate) if self._has_speech(sound, rate) else None
            if answer is not None and not np.isfinite(answer.confidence):
                reason = f"the logits of the network are NaN after {frames / rate:.1f} s"
                raise AudioError(source.name, reason)
            answers += 1
            computing = time.perf_counter() - started
            yield Moment(frames / rate, len(block) / rate, computing, answer)
        if not answers:
            advice = f"at least {1000 * SHORTEST:.0f} ms are needed"
            detail = f"{frames} sample{'s' * (frames != 1)}"
            raise AudioError(source.name, "too short for a prediction", advice, detail, "short")

    def _has_speech(self, sound: Waveform, rate: int) -> bool:
        if self.detector is None:
            return True
        end = len(sound) / rate
        newest = min(max(NEWEST, self.hop), self.answerer.clip_format.seconds)
        start = max(end - newest, 0.0)
        spans = self.detector.speech(sound, rate)
        return bool(with_speech(spans, np.array([start]), np.array([end])).all())

    def _answer(self, window: Waveform, rate: int) -> Prediction:
        clip_format = self.answerer.clip_format
        clip = standardise(window, rate, clip_format)
        length = np.array([clip_format.sounding(len(window), rate)], np.int64)
        [shares] = self.answerer.probabilities(clip[None], length)
        return Prediction.of(self.answerer.emotions, shares, self.reject_below)


@dataclass
class Summary:
    """What was answered so far.

    Attributes:
        seconds: of sound.
        computing: seconds that the answers took.
        silent: number of moments of silence.
        rejected: number of rejected answers.
        emotions: emotion → number of answers.
    """

    seconds: float = 0.0
    computing: float = 0.0
    silent: int = 0
    rejected: int = 0
    emotions: Counter[str] = field(default_factory=Counter)

    def add(self, moment: Moment) -> None:
        """Count a moment."""
        self.seconds = moment.seconds
        self.computing += moment.computing
        if moment.answer is None:
            self.silent += 1
        elif moment.answer.emotion is None:
            self.rejected += 1
        else:
            self.emotions[moment.answer.emotion] += 1

    @property
    def real_time_factor(self) -> float:
        """Computing time as part of the length of the sound."""
        return self.computing / self.seconds if self.seconds else 0.0
