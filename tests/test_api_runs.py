"""Scans, studies, evaluations and predictions by function calls."""

from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

import serbench
from serbench.data.protocols import HOLDOUT
from serbench.errors import DatasetError, UnknownNameError, UsageError
from serbench.run.call import CallbackListener, StudyEvent


@pytest.fixture
def scanned(tiny_corpus, tmp_path, monkeypatch, made):
    """A database with dataset ``tiny``; latencies are not measured."""
    monkeypatch.setenv("SERBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("serbench.run.completion.measure_latency", lambda job: made.latency())
    database = tmp_path / "serbench.db"
    counts = []
    account = serbench.scan(
        tiny_corpus, "tiny", database=database, progress=lambda *both: counts.append(both)
    )
    assert (account["found"], account["utterances"], counts[-1]) == (36, 36, (36, 36))
    return database


OPTIONS = {"protocol": "speaker-2:holdout", "trials": 1, "epochs": 1, "executor": "here"}


def test_a_study_is_run_by_a_call_told_event_by_event_and_used(scanned, tiny_corpus, tmp_path):
    events = []
    entry = serbench.study("homebrew", database=scanned, progress=events.append, **OPTIONS)
    results = serbench.open(scanned)
    assert list(results.leaderboard(threads=None)["entry"].unique()) == [entry] == [1]
    assert all(isinstance(event, StudyEvent) and str(event) for event in events)
    named = [event.name for event in events]
    scored = [dict(event.facts) for event in events if event.name == "fold_scored"]
    assert [(each["trial"], each["fold"]) for each in scored] == [(1, "1"), (1, "2")]
    folds = results.folds()
    assert [each["uar"] for each in scored] == list(folds[folds["fold"] != "holdout"]["uar"])
    # The last training has no early stopping, and so no curve.
    assert named.count("epoch") == len(results.curves()) + OPTIONS["epochs"]
    again = []
    assert serbench.study("homebrew", database=scanned, progress=again.append, **OPTIONS) == entry
    assert "epoch" not in [event.name for event in again]

    bad = tmp_path / "bad.wav"
    bad.write_text("no sound")
    clip = results.predictions(entry).query("fold == 'holdout'").iloc[0]
    answered = serbench.predict(entry, [clip["path"], bad], database=scanned)
    assert list(answered["path"]) == [clip["path"], str(bad)]
    assert list(answered["error"].notna()) == [False, True]
    assert str(bad) in answered["error"][1]
    assert answered["emotion"][0] == clip["predicted"]
    shares = answered.filter(regex="^p_")
    assert shares.iloc[1].isna().all()
    [temperature] = results.calibration()["temperature"]
    calibrated = np.array([clip[name] for name in shares]) ** (1 / temperature)
    np.testing.assert_allclose(shares.iloc[0], calibrated / calibrated.sum(), atol=1e-4)
    rejected = serbench.predict(entry, clip["path"], database=scanned, reject_below=1)
    assert list(rejected["rejected"]) == [True]
    assert rejected["emotion"].isna().all()
    assert rejected["confidence"][0] == answered["confidence"][0] == shares.iloc[0].max()
    with pytest.raises(UsageError) as refused:
        serbench.predict(entry, clip["path"], database=scanned, reject_below=float("nan"))
    assert refused.value.facts.keys() == {"reject_below"}
    sound, rate = soundfile.read(clip["path"], dtype="float32")
    long = tmp_path / "long.wav"
    soundfile.write(long, np.concatenate([sound, 0 * sound, sound]), rate, "FLOAT")
    ends = serbench.predict(entry, long, database=scanned, hop=0.5, keep_silence=True)
    middle = serbench.predict(entry, long, database=scanned, hop=0.25, keep_silence=True)
    assert ends["seconds"][0] == pytest.approx(3 * len(sound) / rate)
    assert list(ends.filter(regex="^p_").iloc[0]) != list(middle.filter(regex="^p_").iloc[0])
    with pytest.raises(UsageError) as refused:
        serbench.predict(entry, long, database=scanned, hop=0)
    assert refused.value.facts["hop"] == 0
    only_bad = serbench.predict(entry, bad, database=scanned)
    assert list(only_bad) == list(answered)
    assert list(only_bad.dtypes) == list(answered.dtypes)

    # Of the dataset that it was trained on, the speakers of the holdout are left.
    evaluation = serbench.evaluate(entry, "tiny", database=scanned)
    assert evaluation.clips == len(results.predictions(entry).query("fold == 'holdout'"))
    assert evaluation.as_dict()["uar"] == pytest.approx(results.leaderboard(threads=None)["uar"][0])


@pytest.mark.parametrize(
    ("options", "fact"),
    [
        ({"backbone": ["homebrew", "resnet18"]}, ("studies", 2)),
        ({"backbone": "homebrew", "protocol": ["loso", "speaker-2:holdout"]}, ("studies", 2)),
        ({}, ("missing", "backbone")),
    ],
)
def test_options_that_make_no_single_study_are_refused(scanned, options, fact):
    with pytest.raises(UsageError) as refused:
        serbench.study(database=scanned, **options)
    assert refused.value.facts[fact[0]] == fact[1]


def test_options_are_checked_as_on_the_command_line(scanned):
    with pytest.raises(UsageError) as refused:
        serbench.study("homebrew", database=scanned, trails=3, epochs=0)
    assert len(refused.value.facts["mistakes"]) == 2
    with pytest.raises(UnknownNameError):
        serbench.study("homebrew", database=scanned, dataset="tidy")


def test_a_corpus_that_a_person_must_obtain_is_not_fetched(tmp_path):
    with pytest.raises(DatasetError):
        serbench.fetch("ravdess", tmp_path)
    with pytest.raises(UnknownNameError):
        serbench.fetch("ravdes", tmp_path)


@pytest.mark.parametrize(("tested", "name"), [((1, 2), "holdout"), ((), "last")])
def test_the_last_training_is_named_after_the_holdout_only_if_that_tests_it(tested, name):
    events = []
    listener = CallbackListener(events.append)
    split = SimpleNamespace(holdout=SimpleNamespace(test=tested), folds=())
    listener.begun(SimpleNamespace(plan=SimpleNamespace(outer_fold=0, trials=1), split=split), {})
    listener.epoch(0, HOLDOUT, SimpleNamespace(epoch=1, validation=None))
    listener.epoch(0, 1, SimpleNamespace(epoch=1, validation=None))
    assert [event.facts.get("fold") for event in events[1:]] == [name, "2"]
