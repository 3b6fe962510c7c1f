"""A bench small enough to study, a script in place of training, a record of what happened."""

from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import torch
from optuna.storages import InMemoryStorage

from serbench.data.clips import ClipFormat, Clips
from serbench.data.manifest import Utterance, make_manifest
from serbench.data.protocols import parse_protocol, split_dataset
from serbench.data.seeds import derive_seed
from serbench.execute.fold import Bench, FoldOutcome, Trained
from serbench.plugins import Plugins
from serbench.score.metrics import score
from serbench.search.events import FoldScored, TrialEnded, TrialStarted, WinnerTested
from serbench.search.plan import StudyPlan
from serbench.search.study import run_study

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


def make_bench(**changes):
    """A bench of 7 speakers, two emotions told by pitch, and the homebrew network."""
    manifest = make_manifest("toy", utterances())
    random = np.random.default_rng(0)
    seconds = np.arange(FORMAT.samples) / FORMAT.sample_rate
    pitch = np.where(manifest.targets == 0, 300, 1500) * random.uniform(0.9, 1.1, len(manifest))
    waveforms = np.sin(2 * np.pi * pitch[:, None] * seconds)
    waveforms += 0.2 * random.standard_normal(waveforms.shape)
    peaks = np.abs(waveforms).max(axis=1).astype(np.float32)
    clips = Clips(FORMAT, np.rint(waveforms / peaks[:, None] * 32767).astype(np.int16), peaks)
    augmentations = tuple(PLUGINS.augmentations.get(name) for name in ("time-shift", "gain"))
    plan = StudyPlan(
        backbone="homebrew",
        dataset="toy",
        dataset_hash=manifest.hash,
        front_end="mel",
        schedule="half-cycle",
        protocol=f"speaker-{FOLDS}",
        weights="none",
        trials=3,
        epochs=2,
        batch_size=8,
        seed=0,
        timeout=None,
        clip_format=FORMAT,
        augmentations=tuple(each.name for each in augmentations),
    )
    plan = replace(plan, **changes)
    protocol = parse_protocol(plan.protocol)
    return Bench(
        plan=plan,
        manifest=manifest,
        clips=clips,
        protocol=protocol,
        split=split_dataset(manifest, protocol),
        backbone=PLUGINS.backbones.get("homebrew"),
        front_end=PLUGINS.front_ends.get("mel"),
        scheduler=PLUGINS.schedulers.get("half-cycle"),
        augmentations=augmentations,
    )


class Stopped(BaseException):
    """Somebody pulled the plug, as a keyboard interrupt would."""


@dataclass
class Script:
    """Stands in for ``run_fold``: what it says depends on trial, fold and configuration alone.

    Attributes:
        uar: ``uar(trial, fold, configuration)``, how well the fold goes.
        seconds: what each training claims to have taken.
        calls: every fold it was asked for, in order.
        stop_at: the call in which it is interrupted, counted from 0.
    """

    uar: object = lambda trial, fold, configuration: 0.3 + 100 * configuration.learning_rate
    seconds: float = 1.0
    calls: list = field(default_factory=list)
    stop_at: int = -1

    def __call__(self, bench, trial, configuration, number, fold, bar=None, line=None):
        self.calls.append((trial, number))
        if len(self.calls) - 1 == self.stop_at:
            raise Stopped
        seed = derive_seed(bench.plan.seed, trial, number, configuration)
        uar = float(np.clip(self.uar(trial, number, configuration), 0, 1))
        targets = tuple(bench.manifest.targets[fold.test].tolist())
        logits, scores = answers(seed, uar, targets)
        outcome = FoldOutcome(
            trial=trial,
            fold=number,
            rows=fold.test,
            logits=logits,
            scores=scores,
            epochs=1,
            best_epoch=1,
            seconds=self.seconds,
            seed=seed,
            weights="none",
        )
        return Trained(outcome, {"weight": torch.tensor([float(seed)])})


@cache  # scoring takes longer than all the rest of a scripted study
def answers(seed, uar, targets):
    """Logits that differ with the seed and have about this UAR, and their scores."""
    targets = np.array(targets)
    logits = 0.1 * np.random.default_rng(seed).random((len(targets), 2)).astype(np.float32)
    for emotion in (0, 1):
        rows = np.flatnonzero(targets == emotion)
        right = round(uar * len(rows))
        logits[rows[:right], emotion] += 1
        logits[rows[right:], 1 - emotion] += 1
    return logits, score(logits, targets)


@dataclass
class Record:
    """A storage, and what a driver has written down: all that outlives an interruption."""

    storage: InMemoryStorage = field(default_factory=InMemoryStorage)
    parameters: dict = field(default_factory=dict)
    folds: dict = field(default_factory=dict)
    ends: dict = field(default_factory=dict)
    winner: tuple | None = None

    def note(self, event):
        """Write an event down, as the driver does."""
        match event:
            case TrialStarted():
                self.parameters.setdefault(event.trial, dict(event.parameters))
            case FoldScored():
                key = event.outcome.trial, event.outcome.fold
                assert key not in self.folds, "a fold was trained twice"
                self.folds[key] = event.outcome
            case TrialEnded():
                self.ends[event.trial] = (event.pruned, event.uars)
            case WinnerTested():
                self.winner = event.trial, event.trained.outcome.logits.tobytes()

    def outcome(self):
        """Everything that an interruption must not change."""
        logits = {key: outcome.logits.tobytes() for key, outcome in self.folds.items()}
        return self.parameters, logits, self.ends, self.winner

    def go_on(self, bench, events=None, note_last=True):
        """Drive a study, to its end or for so many events; whether it came to its end."""
        running = run_study(bench, self.storage, dict(self.folds))
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


def completed(bench):
    """The record of a study that nobody interrupted, and its events' kinds."""
    record, kinds = Record(), []
    for event in run_study(bench, record.storage, {}):
        record.note(event)
        kinds.append(type(event))
    return record, kinds
