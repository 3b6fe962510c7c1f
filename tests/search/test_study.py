"""A study: settings cross-validated one after another, pruned, resumed, the winner examined."""

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import optuna
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from serbench.data.clips import ClipFormat, Clips
from serbench.data.manifest import Utterance, make_manifest
from serbench.data.protocols import EXAM, parse_protocol, split_dataset
from serbench.data.seeds import derive_seed
from serbench.model.metrics import score
from serbench.plugins import Plugins
from serbench.search import study as study_module
from serbench.search.crossval import Bench, FoldOutcome, Trained, run_fold
from serbench.search.plan import StudyPlan
from serbench.search.study import (
    ExamStarted,
    FoldScored,
    TrialEnded,
    TrialStarted,
    WinnerExamined,
    run_study,
    space_of,
)

PLUGINS = Plugins()
FORMAT = ClipFormat(8000, 0.25)
SPEAKERS, TAKES, FOLDS = 7, 3, 5


@pytest.fixture(scope="module", autouse=True)
def quiet_optuna():
    """Keep Optuna from telling of every study it makes."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)


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
    """Stands in for ``run_fold``: what it says depends on trial, fold and setting alone.

    Attributes:
        uar: ``uar(trial, fold, setting)``, how well the fold goes.
        seconds: what each training claims to have taken.
        calls: every fold it was asked for, in order.
        stop_at: the call in which it is interrupted, counted from 0.
    """

    uar: object = lambda trial, fold, setting: 0.3 + 100 * setting.learning_rate
    seconds: float = 1.0
    calls: list = field(default_factory=list)
    stop_at: int = -1

    def __call__(self, bench, trial, setting, number, fold, on_epoch=None):
        self.calls.append((trial, number))
        if len(self.calls) - 1 == self.stop_at:
            raise Stopped
        seed = derive_seed(bench.plan.seed, trial, number, setting)
        uar = float(np.clip(self.uar(trial, number, setting), 0, 1))
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


@pytest.fixture
def script(monkeypatch):
    """``script(uar=…)`` puts a script in place of training, and gives it."""

    def put(**how):
        scripted = Script(**how)
        monkeypatch.setattr(study_module, "run_fold", scripted)
        return scripted

    return put


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
            case WinnerExamined():
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


def test_the_first_trial_is_the_papers_setting(script):
    script()
    record, _ = completed(make_bench())
    assert record.parameters[0] == {
        "learning_rate": 1e-3,
        "freeze_depth": 0,
        "width:time-shift": 0.3,
        "width:gain": 0.0,
    }


def test_events_come_in_the_order_in_which_things_happen(script):
    script(uar=lambda trial, fold, setting: 1.0)
    _, kinds = completed(make_bench(trials=2))
    trial = [TrialStarted, *[FoldScored] * FOLDS, TrialEnded]
    assert kinds == [*trial, *trial, ExamStarted, WinnerExamined]


def test_every_trial_is_another_point_of_the_space(script):
    script(uar=lambda trial, fold, setting: 1.0)
    bench = make_bench(trials=6)
    record, _ = completed(bench)
    assert list(record.parameters) == list(range(6))
    assert len({tuple(parameters.values()) for parameters in record.parameters.values()}) == 6
    distributions = space_of(bench).distributions()
    for parameters in record.parameters.values():
        assert parameters.keys() == distributions.keys()
        assert all(distributions[name]._contains(value) for name, value in parameters.items())


def test_each_dev_clip_is_tested_once_a_trial_and_the_exam_never(script):
    script(uar=lambda trial, fold, setting: 1.0)
    bench = make_bench(trials=2)
    record, _ = completed(bench)
    for trial in range(2):
        outcomes = [record.folds[trial, fold] for fold in range(FOLDS)]
        rows = np.concatenate([outcome.rows for outcome in outcomes])
        assert sorted(rows) == sorted(bench.split.exam.train)
        assert not set(rows) & set(bench.split.exam.test)


def test_the_best_trial_is_examined_once_on_the_exam(script):
    calls = script(uar=lambda trial, fold, setting: [0.7, 1.0, 0.7][trial]).calls
    bench = make_bench()
    (examined,) = [e for e in run_study(bench, InMemoryStorage(), {}) if type(e) is WinnerExamined]
    assert examined.trial == 1
    assert calls.count((1, EXAM)) == 1
    assert [call for call in calls if call[1] == EXAM] == [(1, EXAM)] == calls[-1:]
    outcome = examined.trained.outcome
    assert np.array_equal(outcome.rows, bench.split.exam.test)
    assert outcome.fold == EXAM
    assert "weight" in examined.trained.state


def test_the_exam_is_taken_with_the_winners_setting(monkeypatch):
    used = {}
    scripted = Script(uar=lambda trial, fold, setting: [0.4, 0.4, 1.0][trial])

    def watched(bench, trial, setting, number, fold, on_epoch):
        used[trial, number] = setting, fold
        return scripted(bench, trial, setting, number, fold, on_epoch)

    monkeypatch.setattr(study_module, "run_fold", watched)
    bench = make_bench()
    completed(bench)
    setting, fold = used[2, EXAM]
    assert setting == used[2, 0][0]
    assert fold is bench.split.exam


def test_of_equally_good_trials_the_first_wins(script):
    script(uar=lambda trial, fold, setting: 0.7)
    record, _ = completed(make_bench(trials=4))
    assert record.winner[0] == 0


def test_how_the_exam_goes_decides_nothing(script):
    winners = set()
    for exam in (0.0, 1.0):
        script(uar=lambda t, fold, s, exam=exam: exam if fold == EXAM else [0.4, 1, 0.4][t])
        winners.add(completed(make_bench())[0].winner[0])
    assert winners == {1}


def test_the_mean_over_the_folds_is_what_counts(script):
    # Trial 1 shines on one fold only.
    script(uar=lambda trial, fold, setting: [0.7, 1.0 if fold == 0 else 0.4][trial])
    record, _ = completed(make_bench(trials=2))
    assert record.winner[0] == 0


def test_a_clearly_worse_trial_is_given_up_after_three_folds(script):
    calls = script(uar=lambda trial, fold, setting: [1.0, 0.4, 1.0][trial]).calls
    record, _ = completed(make_bench())
    assert Counter(trial for trial, fold in calls if fold != EXAM) == {0: FOLDS, 1: 3, 2: FOLDS}
    assert {trial: end[0] for trial, end in record.ends.items()} == {0: False, 1: True, 2: False}
    assert [len(record.ends[trial][1]) for trial in range(3)] == [FOLDS, 3, FOLDS]


def test_a_trial_that_is_worse_on_some_folds_only_is_heard_out(script):
    script_of = {0: [0.7, 0.4, 0.7, 0.4, 0.7], 1: [0.4, 0.7, 0.4, 0.7, 0.4]}
    calls = script(uar=lambda t, fold, setting: 0.5 if fold == EXAM else script_of[t][fold]).calls
    completed(make_bench(trials=2))
    assert Counter(trial for trial, fold in calls if fold != EXAM) == {0: FOLDS, 1: FOLDS}


def test_an_equally_good_trial_is_heard_out(script):
    script(uar=lambda trial, fold, setting: 0.7)
    record, _ = completed(make_bench(trials=4))
    assert not any(pruned for pruned, _ in record.ends.values())


def test_optuna_is_told_how_each_trial_ended(script):
    script(uar=lambda trial, fold, setting: [1.0, 0.4, 1.0][trial])
    bench = make_bench()
    record, _ = completed(bench)
    (study,) = record.storage.get_all_studies()
    assert bench.plan.key in study.study_name
    trials = record.storage.get_all_trials(study._study_id)
    complete, pruned = TrialState.COMPLETE, TrialState.PRUNED
    assert [trial.state for trial in trials] == [complete, pruned, complete]
    assert trials[0].value == pytest.approx(np.mean(record.ends[0][1]))
    assert list(trials[1].intermediate_values.values()) == list(record.ends[1][1])


def test_a_trials_mean_is_over_the_folds_that_were_run():
    assert TrialEnded(1, {}, True, (0.2, 0.4, 0.6)).mean_uar == pytest.approx(0.4)


def test_no_trial_starts_after_the_timeout(script):
    calls = script(uar=lambda *_: 1.0, seconds=10.0).calls
    record, _ = completed(make_bench(trials=10, timeout=2 * FOLDS * 10.0 - 5))
    assert list(record.parameters) == [0, 1]
    assert len(calls) == 2 * FOLDS + 1
    assert record.winner is not None


def test_one_trial_is_finished_however_short_the_timeout(script):
    script(uar=lambda *_: 1.0, seconds=10.0)
    record, _ = completed(make_bench(trials=10, timeout=0.001))
    assert list(record.ends) == [0]
    assert record.winner[0] == 0


def test_time_spent_by_earlier_runs_counts(script):
    script(uar=lambda *_: 1.0, seconds=10.0)
    bench = make_bench(trials=10, timeout=2 * FOLDS * 10.0 - 5)
    record = Record()
    while not record.go_on(bench, events=4):
        pass
    assert record.outcome() == completed(bench)[0].outcome()


def test_one_trial_is_finished_even_if_optuna_forgot_all_and_the_time_is_spent(script):
    script(uar=lambda *_: 1.0, seconds=10.0)
    bench = make_bench(timeout=1.0)
    before, _ = completed(bench)
    calls = script(uar=lambda *_: 1.0).calls
    after = Record(folds=before.folds)
    after.go_on(bench)
    assert after.winner == before.winner
    assert calls == [(0, EXAM)]


def good_and_bad(trial, fold, setting):
    """Trial 1 is the best; trial 2 begins better and is given up after four folds."""
    if fold == EXAM:
        return 0.5
    return [0.6, 0.9, 1.0 if fold == 0 else 0.3][trial]


SCRIPTED = make_bench(trials=3)


@pytest.fixture
def undisturbed(script):
    """The record of the scripted study when nobody interrupts it, and how many events it had."""
    script(uar=good_and_bad)
    record, kinds = completed(SCRIPTED)
    assert [(pruned, len(uars)) for pruned, uars in record.ends.values()] == [
        (False, FOLDS),
        (False, FOLDS),
        (True, 4),
    ]
    return record.outcome(), len(kinds)


@pytest.mark.parametrize("note_last", [True, False], ids=["noted", "lost"])
def test_a_study_stopped_at_any_event_ends_as_if_it_had_not_been(undisturbed, script, note_last):
    """The last event before the stop was written down by the driver, or just not any more."""
    expected, n_events = undisturbed
    for stop in range(1, n_events + 1):
        record = Record()
        record.go_on(SCRIPTED, events=stop, note_last=note_last)
        record.go_on(SCRIPTED)
        if note_last and stop == n_events:
            record.winner = expected[3]  # written down before the stop, not examined again
        assert record.outcome() == expected, f"stopped after {stop} events"


def test_a_study_stopped_in_the_middle_of_any_fold_ends_as_if_it_had_not_been(undisturbed, script):
    expected, _ = undisturbed
    total = len(expected[1]) + 1
    for call in range(total):
        record = Record()
        script(uar=good_and_bad, stop_at=call)
        with pytest.raises(Stopped):
            record.go_on(SCRIPTED)
        again = script(uar=good_and_bad)
        record.go_on(SCRIPTED)
        assert record.outcome() == expected, f"stopped in training {call}"
        assert len(again.calls) == total - call, "only what was lost is trained again"


WRITES = {  # method of the storage → at every how many-th call to stop
    "create_new_trial": 1,
    "set_trial_state_values": 1,
    "set_trial_param": 3,
    "set_trial_intermediate_value": 2,
}


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_study_stopped_while_optuna_writes_ends_as_if_it_had_not_been(
    undisturbed, method, moment, monkeypatch
):
    expected, _ = undisturbed
    write = getattr(InMemoryStorage, method)
    stops = 0
    for stop in range(0, 100, WRITES[method]):
        record, written = Record(), []

        def stopping(self, *args, stop=stop, written=written, **kwargs):
            written.append(args)
            due = len(written) - 1 == stop
            if due and moment == "before":
                raise Stopped
            result = write(self, *args, **kwargs)
            if due:
                raise Stopped
            return result

        monkeypatch.setattr(InMemoryStorage, method, stopping)
        try:
            record.go_on(SCRIPTED)
        except Stopped:
            monkeypatch.setattr(InMemoryStorage, method, write)
            record.go_on(SCRIPTED)
        else:
            break
        assert record.outcome() == expected, f"stopped at {method} {stop}"
        stops += 1
    assert stops >= 3


def test_a_study_stopped_again_and_again_ends_as_if_it_had_not_been(undisturbed):
    expected, _ = undisturbed
    record, runs = Record(), 0
    while not record.go_on(SCRIPTED, events=3):
        runs += 1
        assert runs < 100
    if record.winner is None:
        record.winner = expected[3]
    assert record.outcome() == expected
    assert runs > 5


@settings(deadline=None, max_examples=4)
@given(st.lists(st.integers(3, 30), min_size=1, max_size=4))
def test_which_settings_are_tried_does_not_depend_on_interruptions(stops):
    """Beyond ten trials the sampler learns from those before; that must not change either."""
    bench = make_bench(trials=13)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            study_module,
            "run_fold",
            Script(uar=lambda trial, fold, setting: 0.9 - 0.05 * setting.freeze_depth),
        )
        if not LONG_STUDY:
            LONG_STUDY.append(completed(bench)[0].outcome())
        record = Record()
        for stop in stops:
            record.go_on(bench, events=stop)
        record.go_on(bench)
    assert record.outcome() == LONG_STUDY[0]


LONG_STUDY = []


def test_another_seed_tries_other_settings(script):
    script(uar=lambda *_: 1.0)
    first, second = (completed(make_bench(seed=seed))[0].parameters for seed in (0, 1))
    assert first[0] == second[0]
    assert first[1] != second[1]


def test_studies_that_share_a_storage_do_not_mix(script):
    script(uar=lambda *_: 1.0)
    alone, _ = completed(make_bench(seed=5))
    shared = Record()
    other = Record(storage=shared.storage)
    other.go_on(make_bench(seed=4), events=9)
    shared.go_on(make_bench(seed=5))
    assert shared.outcome() == alone.outcome()


def test_a_finished_study_is_not_run_again(script):
    calls = script(uar=lambda *_: 1.0).calls
    bench = make_bench()
    record, _ = completed(bench)
    winner = record.winner[0]
    exam = Script(uar=lambda *_: 1.0)(bench, winner, None, EXAM, bench.split.exam).outcome
    before = len(calls)
    assert list(run_study(bench, record.storage, {**record.folds, (winner, EXAM): exam})) == []
    assert len(calls) == before


def test_epochs_are_told_with_their_trial_and_fold(monkeypatch):
    told = []

    def epochs(bench, trial, setting, number, fold, on_epoch):
        on_epoch(f"epoch of {trial}, {number}")
        return Script(uar=lambda *_: 1.0)(bench, trial, setting, number, fold)

    monkeypatch.setattr(study_module, "run_fold", epochs)
    bench = make_bench(trials=1)
    list(run_study(bench, InMemoryStorage(), {}, lambda *what: told.append(what)))
    expected = [(0, number, f"epoch of 0, {number}") for number in [*range(FOLDS), EXAM]]
    assert told == expected


def test_the_space_is_what_backbone_schedule_and_augmentations_declare():
    space = space_of(make_bench())
    assert space.n_stages == 4
    assert space.paper_freeze_depth == 0
    assert space.learning_rates == PLUGINS.schedulers.get("half-cycle").learning_rates
    assert list(space.widths) == ["time-shift", "gain"]


REAL = make_bench(trials=2, protocol="speaker-2", epochs=3)


@pytest.fixture(scope="module")
def real_study():
    """A study whose networks were really trained."""
    record = Record()
    record.go_on(REAL)
    return record


def test_a_real_study_runs_to_its_end(real_study):
    assert list(real_study.parameters) == [0, 1]
    assert set(real_study.folds) == {(0, 0), (0, 1), (1, 0), (1, 1)}
    for (trial, fold), outcome in real_study.folds.items():
        assert (outcome.trial, outcome.fold) == (trial, fold)
        assert np.array_equal(outcome.rows, REAL.split.folds[fold].test)
        assert outcome.logits.shape == (len(outcome.rows), 2)
        assert outcome.seed == derive_seed(REAL.plan.seed, trial, fold)
        assert outcome.scores.uar == score(outcome.logits, REAL.manifest.targets[outcome.rows]).uar
        assert 1 <= outcome.best_epoch <= outcome.epochs <= 3
        assert outcome.weights == "none"
    best = max(real_study.ends, key=lambda trial: np.mean(real_study.ends[trial][1]))
    assert real_study.winner[0] == best


def test_a_real_study_stopped_and_resumed_says_the_same_to_the_last_bit(real_study):
    record = Record()
    record.go_on(REAL, events=2)
    torch.manual_seed(99)
    record.go_on(REAL, events=4)
    record.go_on(REAL)
    assert record.outcome() == real_study.outcome()


def test_a_fold_is_the_same_whichever_folds_ran_before_it(real_study):
    setting = study_module.Setting.from_parameters(real_study.parameters[1])
    alone = run_fold(REAL, 1, setting, 1, REAL.split.folds[1])
    assert alone.outcome.logits.tobytes() == real_study.folds[1, 1].logits.tobytes()
    assert set(alone.state) == set(REAL.backbone.build(2, "none").module.state_dict())


def test_a_fold_hears_its_test_clips_only_when_training_is_over():
    heard = []

    @dataclass(frozen=True)
    class Listening(Clips):
        def batch(self, rows):
            heard.append(set(rows.tolist()))
            return super().batch(rows)

    clips = Listening(FORMAT, REAL.clips.waveforms, REAL.clips.peaks)
    fold = REAL.split.folds[0]
    setting = study_module.Setting.from_parameters(space_of(REAL).paper())
    run_fold(replace(REAL, clips=clips), 0, setting, 0, fold)
    tested = set(fold.test.tolist())
    first = next(place for place, rows in enumerate(heard) if rows & tested)
    assert set().union(*heard[:first]) == set(fold.train.tolist())
    assert set().union(*heard[first:]) == tested
