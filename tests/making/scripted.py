"""A small search, a script that replaces training, and a record of events."""

from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from making.records import ENVIRONMENT
from serbench.data.clips import ClipFormat, Clips
from serbench.data.manifest import Utterance, make_manifest
from serbench.data.protocols import HOLDOUT, parse_protocol, split_dataset
from serbench.errors import DivergedError
from serbench.execute.executor import InThisProcess
from serbench.execute.job import Material, Outcome
from serbench.model.compute import ComputeSettings
from serbench.plugins import Plugins
from serbench.score.confusion import confusion_of
from serbench.search import generation, study
from serbench.search.events import (
    COMPLETE,
    FAILED,
    PRUNED,
    FoldScored,
    TrialEnded,
    TrialRecord,
    TrialStarted,
    WinnerTested,
)
from serbench.search.plan import StudyPlan
from serbench.search.space import space_of
from serbench.search.study import Search, run_study

PLUGINS = Plugins()
FORMAT = ClipFormat(8000, 0.25)
SPEAKERS, TAKES, FOLDS = 7, 3, 5


def utterances():
    return [
        Utterance(
            path=f"/nowhere/{speaker}-{emotion}-{take}.wav",
            corpus="toy",
            speaker=f"toy/{speaker}",
            emotion=emotion,
            label=emotion,
            audio_hash=f"{speaker}-{emotion}-{take}",
            sample_rate=FORMAT.sample_rate,
            channels=1,
            frames=FORMAT.samples,
        )
        for speaker in range(SPEAKERS)
        for emotion in ("anger", "sadness")
        for take in range(TAKES)
    ]


def make_material():
    """The clips of 7 speakers: two emotions, which differ in pitch."""
    manifest = make_manifest("toy", utterances())
    random = np.random.default_rng(0)
    seconds = np.arange(FORMAT.samples) / FORMAT.sample_rate
    pitch = np.where(manifest.targets == 0, 300, 1500) * random.uniform(0.9, 1.1, len(manifest))
    waveforms = np.sin(2 * np.pi * pitch[:, None] * seconds)
    waveforms += 0.2 * random.standard_normal(waveforms.shape)
    peaks = np.abs(waveforms).max(axis=1).astype(np.float32)
    stored = np.rint(waveforms / peaks[:, None] * 32767).astype(np.int16)
    clips = Clips(FORMAT, stored, peaks, np.full(len(stored), FORMAT.samples), "toy")
    return Material(manifest, clips)


MATERIAL = make_material()


def make_search(parallel=1, threads=1, **changes):
    """A search of the homebrew network on the material."""
    manifest = MATERIAL.manifest
    plan = StudyPlan(
        backbone="homebrew",
        dataset="toy",
        dataset_hash=manifest.hash,
        front_end="mel",
        schedule="half-cycle",
        protocol=f"speaker-{FOLDS}:holdout",
        weights="none",
        trials=3,
        epochs=2,
        batch_size=8,
        seed=0,
        timeout=None,
        clip_format=FORMAT,
        readouts=("pooled",),
        augmentations=("time-shift", "gain"),
    )
    plan = replace(plan, **changes)
    protocol = parse_protocol(plan.protocol)
    outer_folds = split_dataset(manifest, protocol).outer_folds
    return Search(
        plan=plan,
        manifest=manifest,
        protocol=protocol,
        split=outer_folds[plan.outer_fold],
        outer_folds=len(outer_folds),
        material=MATERIAL.key,
        space=space_of(plan, PLUGINS, len(manifest.emotions)),
        compute=ComputeSettings(threads, parallel=parallel),
    )


def is_in(distribution, value):
    """Whether a value belongs to a distribution of Optuna."""
    return distribution._contains(distribution.to_internal_repr(value))


def here():
    """An executor in this process with the material."""
    executor = InThisProcess(PLUGINS)
    executor.share(MATERIAL)
    return executor


class Stopped(BaseException):
    """The run was ended, as a keyboard interrupt ends it."""


@dataclass
class Script:
    """Replaces ``run_fold``: the outcome depends only on trial, fold and configuration.

    Attributes:
        uar: ``uar(trial, fold, configuration)``, the UAR of the fold.
        best_epoch: ``best_epoch(fold)``, the best epoch of the training.
        seconds: time that each outcome reports.
        pruned: (trial, fold) of the trainings that are pruned.
        jobs: all jobs, in order.
        calls: trial and fold of each job.
        stop_at: number of the call in which it is interrupted, from 0.
        diverged: (trial, fold) of the trainings that diverge.
    """

    uar: object = lambda trial, fold, configuration: 0.3 + 100 * configuration.learning_rate
    best_epoch: object = lambda fold: 1
    seconds: float = 1.0
    pruned: tuple = ()
    jobs: list = field(default_factory=list)
    calls: list = field(default_factory=list)
    stop_at: int = -1
    diverged: tuple = ()

    def __call__(self, job, context, channel):
        self.jobs.append(job)
        self.calls.append((job.trial, job.fold))
        if len(self.jobs) - 1 == self.stop_at:
            raise Stopped
        channel.send(f"epoch of {job.trial}, {job.fold}")
        if (job.trial, job.fold) in self.diverged:
            raise DivergedError(f"trial {job.trial} fold {job.fold}")
        uar = float(np.clip(self.uar(job.trial, job.fold, job.configuration), 0, 1))
        targets = MATERIAL.manifest.targets[job.test]
        logits = answers(job.seed, uar, tuple(targets.tolist()))
        return Outcome(
            trial=job.trial,
            fold=job.fold,
            rows=job.test,
            logits=logits,
            confusion=confusion_of(logits, targets) if len(targets) else np.zeros((2, 2), np.int64),
            epochs=1,
            best_epoch=self.best_epoch(job.fold),
            seconds=self.seconds,
            seed=job.seed,
            weights="none",
            environment=ENVIRONMENT,
            pruned=(job.trial, job.fold) in self.pruned,
            state={"weight": np.array([job.seed], np.float64)},
        )

    def put(self, monkeypatch):
        """Replace ``run_fold`` in searches."""
        monkeypatch.setattr(generation, "run_fold", self)
        monkeypatch.setattr(study, "run_fold", self)
        return self


@cache  # computing them takes longer than the rest of a scripted study
def answers(seed, uar, targets):
    """Logits that depend on the seed and have about this UAR."""
    targets = np.array(targets)
    logits = 0.1 * np.random.default_rng(seed).random((len(targets), 2)).astype(np.float32)
    for emotion in (0, 1):
        rows = np.flatnonzero(targets == emotion)
        right = round(uar * len(rows))
        logits[rows[:right], emotion] += 1
        logits[rows[right:], 1 - emotion] += 1
    return logits


@dataclass
class Record:
    """The records of a driver, which remain after an interruption."""

    parameters: dict = field(default_factory=dict)
    folds: dict = field(default_factory=dict)
    ends: dict = field(default_factory=dict)
    winner: tuple | None = None
    failures: dict = field(default_factory=dict)

    def note(self, event):
        """Record an event, as the driver does."""
        match event:
            case TrialStarted():
                assert event.trial not in self.parameters or (
                    self.parameters[event.trial] == event.parameters
                )
                self.parameters[event.trial] = dict(event.parameters)
            case FoldScored():
                key = event.outcome.trial, event.outcome.fold
                assert key not in self.folds, "a fold was trained twice"
                self.folds[key] = event.outcome
            case TrialEnded():
                self.ends[event.trial] = (event.pruned, event.uars)
                self.failures[event.trial] = event.failure
            case WinnerTested():
                self.winner = event.trial, event.outcome.logits.tobytes()

    def history(self):
        """The trials so far, as a ledger gives them."""
        return [
            TrialRecord(
                trial,
                parameters,
                *self._ended(trial),
                {
                    fold: outcome.uar
                    for (number, fold), outcome in self.folds.items()
                    if number == trial and fold != HOLDOUT
                },
                self.failures.get(trial, ""),
            )
            for trial, parameters in sorted(self.parameters.items())
        ]

    def _ended(self, trial):
        if trial not in self.ends:
            return "running", None
        pruned, uars = self.ends[trial]
        if self.failures.get(trial):
            return FAILED, None
        return PRUNED if pruned else COMPLETE, float(np.mean(uars))

    def outcome(self):
        """All results that an interruption must not change."""
        logits = {key: outcome.logits.tobytes() for key, outcome in self.folds.items()}
        return self.parameters, logits, self.ends, self.winner, self.failures

    def events(self, search, executor=None, on_epoch=lambda trial, fold, report: None):
        """The remaining events of the study, without recording them."""
        return run_study(search, self.history(), dict(self.folds), executor or here(), on_epoch)

    def go_on(self, search, events=None, note_last=True, executor=None):
        """Run a study to its end or for a number of events; returns whether it ended."""
        running = self.events(search, executor)
        done = 0
        while events is None or done < events:
            event = next(running, None)
            if event is None:
                return True
            done += 1
            if done != events or note_last:
                self.note(event)
        running.close()
        return False


def completed(search, executor=None):
    """The record of a study without an interruption, and the kinds of its events."""
    record, kinds = Record(), []
    for event in record.events(search, executor):
        record.note(event)
        kinds.append(type(event))
    return record, kinds
