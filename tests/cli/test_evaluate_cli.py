"""``serbench evaluate``: an entry on other speakers."""

import json

import numpy as np
import pytest
import soundfile
from refusals import error_of
from sklearn.metrics import balanced_accuracy_score

from serbench.data.emotions import SHARED_EMOTIONS
from serbench.data.protocols import parse_protocol, split_dataset
from serbench.store.database import Database
from serbench.store.datasets import Datasets

ANGER, CALM, DISGUST, FEAR = "05", "02", "07", "06"


@pytest.fixture(scope="module")
def trained(finished):
    """The folders of the speakers that entry 1 was trained on, of six."""
    database = Database(f"sqlite:///{finished.db}")
    manifest = Datasets(database).manifest("tiny")
    database.engine.dispose()
    rows = split_dataset(manifest, parse_protocol("speaker-2:holdout")).holdout.train
    return sorted({f"Actor_{name.rpartition('/')[2]}" for name in manifest.speakers[rows]})


@pytest.fixture(scope="module")
def others(tmp_path_factory, make_corpus, trained):
    """Eight speakers: no fear, two calm clips, disgust of one speaker who was trained on."""
    folder = make_corpus(tmp_path_factory.mktemp("others") / "others", speakers=8)
    for path in folder.rglob(f"03-01-{FEAR}-*.wav"):
        path.unlink()
    for path in folder.rglob(f"03-01-{DISGUST}-*.wav"):
        if path.parent.name != trained[0]:
            path.unlink()
    for actor in ("07", "08"):
        angry = folder / f"Actor_{actor}" / f"03-01-{ANGER}-01-01-01-{actor}.wav"
        calm = angry.with_name(angry.name.replace(f"01-{ANGER}", f"01-{CALM}", 1))
        sound, rate = soundfile.read(angry)
        soundfile.write(calm, 0.5 * sound, rate)
    return folder


@pytest.fixture
def evaluate(run, finished, copied):
    """``evaluate(folders, …)`` scans them in a copy of the finished study's database."""

    def evaluate_on(folders, *options, emotions="all"):
        copied(finished)
        ran = run("corpus", "scan", *folders, "--dataset", "others", "--emotions", emotions)
        assert ran.code == 0, ran.err
        return run("evaluate", 1, "--dataset", "others", *options)

    return evaluate_on


@pytest.fixture
def found(evaluate, others):
    """The scores on the eight, as data."""
    ran = evaluate([others], "--format", "json")
    assert ran.code == 0, ran.err
    return json.loads(ran.out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_speakers_it_was_trained_on_are_left_out_and_label_sets_intersected(
    run, found, others, trained
):
    common = [name for name in SHARED_EMOTIONS if name != "fear"]
    assert found["emotions"] == common
    assert (found["untrained"], found["absent"]) == (["calm"], ["fear"])
    # Three are new, in four emotions; of the five others one clip is disgust.
    assert (found["clips"], found["speakers"], found["left_out"]) == (12, 3, 21)
    assert found["recalls"]["disgust"] is None
    assert found["recalls"].keys() == set(common)

    new = [folder for folder in sorted(others.iterdir()) if folder.name not in trained]
    paths = [
        path for folder in new for path in folder.glob("*.wav") if f"01-{CALM}" not in path.name
    ]
    assert len(paths) == 12
    predicted = json.loads(run("predict", 1, *paths, "--format", "json").out)
    labels = {"01": "neutral", "03": "happiness", "04": "sadness", "05": "anger"}
    truth = [labels[path.name.split("-")[2]] for path in paths]
    named = [max(common, key=file["probabilities"].__getitem__) for file in predicted]
    kept = [name for name in common if name != "disgust"]
    recalls = [np.mean([n == t for n, t in zip(named, truth, strict=True) if t == e]) for e in kept]
    assert found["uar"] == pytest.approx(np.mean(recalls))
    assert found["accuracy"] == pytest.approx(np.mean(np.equal(named, truth)))
    if set(named) <= set(truth):  # else scikit-learn warns
        assert found["uar"] == pytest.approx(balanced_accuracy_score(truth, named))
    assert np.sum(found["confusion"]) == 12
    assert len(found["uar_ci"]) == 2

    printed = run("evaluate", 1, "--dataset", "others")
    assert printed.code == 0
    for fact in ("12 clips", "3 speakers", "21 clips", "calm", "fear", f"{100 * found['uar']:.1f}"):
        assert fact in printed.out
    [disgust] = [line for line in printed.out.splitlines() if line.startswith("disgust")]
    assert disgust.split() == ["disgust", *["0"] * 5, "–"]


def test_a_dataset_of_speakers_it_was_trained_on_is_refused(evaluate, finished, trained):
    ran = evaluate([finished.corpus / name for name in trained])
    assert "others" in error_of(ran, 1)


def test_with_one_common_emotion_there_is_nothing_to_score(evaluate, others):
    ran = evaluate([others / "Actor_07", others / "Actor_08"], emotions="anger,calm")
    assert "anger, calm" in error_of(ran, 1)


def test_an_unknown_dataset_gets_the_nearest(run, finished):
    ran = run("evaluate", 1, "--dataset", "tinny", "--db", finished.db)
    assert "tiny" in error_of(ran, 2)


def test_on_its_own_dataset_the_holdout_is_left(run, finished, monkeypatch):
    monkeypatch.setenv("SERBENCH_CACHE", str(finished.cache))
    on_itself = run("evaluate", 1, "--dataset", "tiny", "--format", "json", "--db", finished.db)
    [row] = json.loads(run("leaderboard", "--format", "json", "--db", finished.db).out)
    found = json.loads(on_itself.out)
    assert {name: found[name] for name in ("uar", "accuracy", "macro_f1")} == {
        name: row[name] for name in ("uar", "accuracy", "macro_f1")
    }
    assert found["ece"] == pytest.approx(row["ece"], abs=1e-5)
    assert found["log_loss"] == pytest.approx(row["log_loss"], abs=1e-5)
    assert (found["left_out"], found["untrained"], found["absent"]) == (30, [], [])
