"""One entry of the leaderboard: its identity, its scores and its latency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from serbench.data.licence import UNKNOWN_LICENCE, Commercial, Licence, least_commercial
from serbench.score.confusion import Tally
from serbench.score.metric import CORRECTED, Score
from serbench.views.latencies import LatencyView

RANKED_BY = "uar"
"""The metric by which winners are selected and entries are ranked."""


EVIDENCE = {
    "corrected_cv": "selection-corrected CV",
    "nested": "nested CV",
    "holdout": "holdout",
}
"""Evidence → its name in text."""

BYTES = {"fp32": 4, "bf16": 2, "fp16": 2, "int8": 1}
"""Precision of the weights → bytes per parameter."""


@dataclass(frozen=True)
class EntryView:
    """An entry as it is shown in tables, pages and files.

    Attributes:
        entry: number of the entry.
        rank: rank among the entries with which it may be compared, from 1; 0 outside of a ranking.
        best: probability that it has the highest UA of these entries; None outside of a ranking.
        rank_ci: the first and the last rank by UA that it may have, at a level of 95 %; None
            outside of a ranking.
        front: on the front, indistinguishable from the front, dominated, or no latency.
        backbone: name of the backbone; for an import, the name of the system.
        front_end: name of the front end; empty for an import.
        schedule: name of the schedule; empty for an import or a fitted head.
        head: name of the head; empty for an import.
        objective: name of the objective; empty for an import or a fitted head.
        readout: what the head receives of the backbone; empty for an import.
        weights: identity of the weights at the start of training.
        seconds: length of its clips in seconds; None for an import.
        sample_rate: sample rate of its clips in Hz; None for an import.
        level: level of its clips, ``keep``, ``rms`` or ``ebu``; empty for an import.
        padding: padding of shorter clips, ``reflect`` or ``zeros``; empty for an import.
        pretrained_on: corpora on which those weights were trained outside of serbench; empty for
            random weights, None if they are unknown.
        known_speakers: test speakers on which the weights were trained.
        compute_settings: precision and threads, such as ``fp32, 2 threads``; empty for an import.
        dataset: name of the dataset.
        dataset_hash: hash of the dataset's content.
        synthetic: True if the speech is synthetic.
        protocol: name of the protocol, without folders.
        protocol_id: its identifier: name and hash of dataset, labels, metric and splits.
        speaker_dependent: True if test speakers are also in the training clips.
        evidence: which clips the scores come from: ``corrected_cv``, ``nested`` or ``holdout``.
        speakers: number of test speakers.
        scores: metric → score, on the clips that ``evidence`` names: all clips, corrected for the
            selection of the winner, or those of all holdouts together.
        cv: metric → mean over the folds by which the winner was selected; empty for an import.
        cv_pooled: metric → score on the clips of all those folds together; empty for an import.
        params: number of parameters of the network, or None.
        macs: multiply-accumulate operations for one clip, or None.
        latency: latency for one clip.
        tally: predictions by speaker; not part of the plain data.
        rivals: the same of the other trials of its study that are selected on a draw of speakers,
            by which differences are corrected; empty for other evidence.
        trained: the same predictions in the runtime of its training, if this runtime gives others;
            not part of the plain data.
        holdout_looks: number of winners of its study that were tested on its holdout one after
            another, as the study was extended; with several outer folds, the largest number; 0 if
            nothing is set aside.
        holdout_looks_total: number of networks of all studies and imports that were tested on the
            same clips, including deleted ones; with several outer folds, the largest number.
        uar_clip_ci: interval of UA as if all clips were independent, if it was requested.
        speech: corpus of the dataset → ``acted``, ``elicited``, ``natural``, ``synthetic`` or
            ``unknown``.
        licences: corpus of the dataset → its licence.
        weights_licence: licence of the weights at the start of training.
        batch_size: clips in each training step; None for an import or a fitted head.
        epochs: largest number of epochs of one training; None for an import or a fitted head.
        seed: seed of the search and of all its trainings; None for an import.
        augmentations: augmentations whose widths were searched, or with which views were made, as
            text, or ``none``; empty for an import, or a fitted head without views.
    """

    entry: int
    rank: int
    front: str
    backbone: str
    front_end: str
    schedule: str
    head: str
    objective: str
    readout: str
    weights: str
    seconds: float | None
    sample_rate: int | None
    level: str
    padding: str
    pretrained_on: tuple[str, ...] | None
    known_speakers: tuple[str, ...]
    compute_settings: str
    dataset: str
    dataset_hash: str
    synthetic: bool
    protocol: str
    protocol_id: str
    speaker_dependent: bool
    evidence: str
    speakers: int
    scores: Mapping[str, Score]
    cv: Mapping[str, Score]
    cv_pooled: Mapping[str, Score]
    params: int | None
    macs: int | None
    latency: LatencyView
    tally: Tally = field(repr=False, compare=False)
    rivals: tuple[Tally, ...] = field(default=(), repr=False, compare=False)
    trained: Tally | None = field(default=None, repr=False, compare=False)
    holdout_looks: int = 1
    holdout_looks_total: int = 1
    uar_clip_ci: tuple[float, float] | None = None
    speech: Mapping[str, str] = field(default_factory=dict)
    licences: Mapping[str, Licence] = field(default_factory=dict)
    weights_licence: Licence = UNKNOWN_LICENCE
    batch_size: int | None = None
    epochs: int | None = None
    seed: int | None = None
    augmentations: str = ""
    best: float | None = None
    rank_ci: tuple[int, int] | None = None

    @property
    def uar(self) -> float:
        """Unweighted average recall, by which entries are ranked."""
        return self.scores[RANKED_BY].value

    @property
    def size_mb(self) -> float | None:
        """Size of the weights in MB, in the precision of the runtime; None if it is unknown.

        Without a latency, or if its precision has another name, four bytes per parameter.
        """
        if self.params is None:
            return None
        return self.params * BYTES.get(self.latency.precision, 4) / 1e6

    def is_of(self, protocol: str) -> bool:
        """True for the protocol's name, in full or without a file's folder, or its identifier."""
        return protocol in (self.protocol, self.protocol_id, self.protocol_id.partition("#")[0])

    @property
    def evidence_text(self) -> str:
        """The evidence as text, such as ``selection-corrected CV``."""
        return EVIDENCE[self.evidence]

    @property
    def clip_parts(self) -> tuple[str, ...]:
        """Length, rate, level and padding of its clips as text; empty for an import."""
        if self.seconds is None:
            return ()
        return f"{self.seconds:g} s", f"{self.sample_rate:,} Hz", self.level, self.padding

    @property
    def clips(self) -> str:
        """The clip format, such as ``3.7 s, 16,000 Hz, rms, reflect``; empty for an import."""
        return ", ".join(self.clip_parts)

    @property
    def commercial(self) -> Commercial:
        """Whether the dataset's corpora and the weights all allow commercial use."""
        return least_commercial(
            [each.commercial for each in (*self.licences.values(), self.weights_licence)]
            if self.licences
            else ["unknown"]
        )

    @property
    def pretraining(self) -> str:
        """The corpora of the pretraining as text, or ``none`` or ``unknown``."""
        if self.pretrained_on is None:
            return "unknown"
        return ", ".join(self.pretrained_on) or "none"

    @property
    def note(self) -> str:
        """Properties that limit the result, as text; empty if there are none."""
        known = len(self.known_speakers)
        notes = [
            "synthetic speech" if self.synthetic else "",
            "speaker-dependent" if self.speaker_dependent else "",
            f"weights were trained on {known} of the test speakers" if known else "",
        ]
        return ", ".join(filter(None, notes))

    @property
    def cv_uar_mean(self) -> float | None:
        """Mean UAR over the folds by which the winner was selected, or None without folds."""
        found = self.cv.get(RANKED_BY)
        return None if found is None else found.value

    @property
    def cv_uar_sd(self) -> float | None:
        """Standard deviation over those folds."""
        found = self.cv.get(RANKED_BY)
        return None if found is None else found.spread

    @property
    def optimism(self) -> float | None:
        """Tuning UA minus the ranked UA; None without a search.

        If the score comes from the same clips as the tuning UA, it is the correction for the
        selection.
        """
        pooled = self.cv_pooled.get(RANKED_BY)
        if self.evidence == CORRECTED and pooled is not None:
            return pooled.value - self.uar
        return None if self.cv_uar_mean is None else self.cv_uar_mean - self.uar

    def as_dict(self) -> dict[str, Any]:
        """Plain data, the row of ``--format json``: each metric as NAME and NAME_ci."""
        plain: dict[str, Any] = {name: getattr(self, name) for name in PLAIN}
        plain |= {
            "speech": ", ".join(sorted(set(self.speech.values()))),
            "licences": "; ".join(f"{name}: {each}" for name, each in self.licences.items()),
            "weights_licence": self.weights_licence.name,
            "commercial": self.commercial,
        }
        for name, score in self.scores.items():
            plain |= {name: score.value, f"{name}_ci": score.interval}
        pooled = self.cv_pooled.get(RANKED_BY)
        plain |= {
            "cv_uar_mean": self.cv_uar_mean,
            "cv_uar_sd": self.cv_uar_sd,
            "cv_uar_pooled": None if pooled is None else pooled.value,
            "cv_uar_pooled_ci": None if pooled is None else pooled.interval,
            "optimism": self.optimism,
            "latency_ms_p50": self.latency.p50,
            "latency_ms_p90": self.latency.p90,
            "latency_ms_p99": self.latency.p99,
            "front_end_ms_p50": self.latency.front_end_p50,
            "network_ms_p50": self.latency.network_p50,
            **{name: getattr(self.latency, name) for name in IDENTITY},
        }
        return plain if self.uar_clip_ci is None else {**plain, "uar_clip_ci": self.uar_clip_ci}

    def as_flat_dict(self) -> dict[str, Any]:
        """Plain data of one value each, the line of ``--format csv``.

        An interval has two columns, such as ``uar_ci_low`` and ``uar_ci_high``.
        """
        flat: dict[str, Any] = {}
        for name, value in self.as_dict().items():
            if name.endswith("_ci"):
                low, high = value or (None, None)
                flat |= {f"{name}_low": low, f"{name}_high": high}
            elif isinstance(value, tuple):
                flat[name] = " ".join(value)
            else:
                flat[name] = value
        return {**flat, "pretrained_on": self.pretraining}


NESTED = (
    *("scores", "cv", "cv_pooled", "latency", "tally", "rivals", "trained", "uar_clip_ci"),
    *("speech", "licences", "weights_licence"),
)

IDENTITY = (
    *("runtime", "precision", "threads", "clip_seconds", "libraries"),
    *("machine", "machine_id"),
)
"""The keys of an entry's plain data on which a latency depends."""

PLAIN = tuple(each.name for each in fields(EntryView) if each.name not in NESTED)
"""The fields of an entry that are plain data themselves."""
