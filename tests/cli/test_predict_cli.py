"""``serbench predict``: the emotions of files."""

import json
import os
import sqlite3
from contextlib import closing

import numpy as np
import pytest
import soundfile
from refusals import error_of
from scipy.special import softmax

from serbench.score.calibration import fit_temperature
from serbench.store.database import Database
from serbench.store.datasets import Datasets
from serbench.store.predictions import scored_predictions
from serbench.store.systems import find_system


@pytest.fixture
def predict(run, finished):
    """``predict(1, "a.wav")`` uses an entry of the finished study."""
    return lambda *arguments: run("predict", *arguments, "--db", finished.db)


@pytest.fixture(scope="module")
def clip(finished):
    """One clip of the corpus."""
    return min(finished.corpus.rglob("*.wav"))


def noise(seconds=0.5):
    return np.random.default_rng(0).uniform(-0.5, 0.5, int(16_000 * seconds))


def not_a_number():
    waveform = noise()
    waveform[100] = np.nan
    return waveform


def truncated(path):
    soundfile.write(path, noise(), 16_000)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"

BAD = {
    "missing": lambda path: None,
    "empty": lambda path: path.write_bytes(b""),
    "a folder": lambda path: path.mkdir(),
    "truncated": truncated,
    "not audio": lambda path: path.write_text("hello " * 99),
    "all zero": lambda path: soundfile.write(path, np.zeros(8000), 16_000),
    "not a number": lambda path: soundfile.write(path, not_a_number(), 16_000, subtype="FLOAT"),
    "an LFS pointer": lambda path: path.write_text(POINTER),
    "a FIFO": os.mkfifo,
    "far beyond full scale": lambda path: soundfile.write(
        path, 1e30 * noise(), 16_000, subtype="FLOAT"
    ),
}


@pytest.mark.parametrize("defect", BAD)
def test_a_file_that_cannot_be_used_is_one_line(predict, tmp_path, defect):
    path = tmp_path / "bad.wav"
    BAD[defect](path)
    line = error_of(predict(1, path), 1)
    assert line.startswith(f"{path}: ")


@pytest.mark.parametrize("defect", BAD)
def test_the_files_around_a_bad_one_are_answered(predict, clip, tmp_path, defect):
    path = tmp_path / "bad.wav"
    BAD[defect](path)
    ran = predict(1, clip, path, clip)
    assert ran.code == 1
    assert ran.out.splitlines()[1:] == predict(1, clip, clip).out.splitlines()[1:]
    (line,) = ran.err.splitlines()
    assert line.startswith(f"error: {path}: ")


def test_json_names_a_bad_file_with_its_reason(predict, clip, tmp_path):
    (tmp_path / "memo.m4a").write_bytes(bytes(50))
    ran = predict(1, clip, tmp_path / "memo.m4a", clip, "--format", "json")
    assert ran.code == 1
    first, bad, last = json.loads(ran.out)
    assert first == last
    assert set(first) == set(bad)
    assert (first["error"], first["remarks"]) == (None, [])
    assert bad["path"] == str(tmp_path / "memo.m4a")
    assert (bad["emotion"], bad["probabilities"]) == (None, None)
    assert bad["error"].startswith(f"{tmp_path / 'memo.m4a'}: ")


def test_the_channel_is_the_chosen_one(predict, clip, tmp_path):
    speech, rate = soundfile.read(clip, dtype="float32")
    path, alone = tmp_path / "stereo.wav", tmp_path / "mono.wav"
    soundfile.write(path, np.stack([speech, -speech], axis=1), rate, "FLOAT")
    soundfile.write(alone, -speech, rate, "FLOAT")
    assert predict(1, path).code == 1
    chosen = predict(1, path, "--channel", "right")
    mono = predict(1, alone, "--channel", "right")
    assert chosen.code == mono.code == 0
    assert chosen.out.splitlines()[1].split()[1:] == mono.out.splitlines()[1].split()[1:]
    assert predict(1, path, "--channel", "3").code == 1
    assert predict(1, path, "--channel", "both").code == 2


def test_float_samples_on_the_scale_of_integers_get_the_same_answer(predict, clip, tmp_path):
    speech, rate = soundfile.read(clip, dtype="float32")
    path = tmp_path / "integers.wav"
    soundfile.write(path, speech * 32768, rate, "FLOAT")
    whole, scaled = predict(1, clip), predict(1, path)
    assert scaled.out.splitlines()[1].split()[1:] == whole.out.splitlines()[1].split()[1:]


def test_json_of_nothing_but_bad_files_is_valid(predict, tmp_path):
    ran = predict(1, tmp_path / "a.wav", tmp_path / "b.wav", "--format", "json")
    assert ran.code == 1
    assert all("missing" in file["error"] for file in json.loads(ran.out))


def test_what_is_unusual_about_a_file_is_named(predict, tmp_path):
    path = tmp_path / "integers.wav"
    soundfile.write(path, 9000 * noise(), 16_000, subtype="FLOAT")
    ran = predict(1, path)
    assert ran.code == 0
    assert ran.err.startswith(f"{path}: ")
    assert "divided by 32,768" in ran.err
    [file] = json.loads(predict(1, path, "--format", "json").out)
    assert len(file["remarks"]) == 1


def test_a_path_that_is_too_long_is_one_line(predict):
    assert error_of(predict(1, "a" * 300), 1).startswith("a" * 300)


def test_without_a_holdout_the_network_of_the_last_training_predicts(
    run, all_tested, copied, tmp_path
):
    copied(all_tested)
    clip = min(all_tested.corpus.rglob("*.wav"))
    before = run("predict", 1, clip, "--format", "json").out
    files = list((tmp_path / "serbench-artifacts").glob("*.safetensors"))
    [last] = [path for path in files if "winner" in path.name]
    for path in files:
        if path != last:
            path.unlink()
    assert run("predict", 1, clip, "--format", "json").out == before
    last.unlink()
    assert "serbench study reproduce 1" in error_of(run("predict", 1, clip), 1)


def test_the_holdout_is_predicted_as_it_was_scored(predict, finished):
    database = Database(f"sqlite:///{finished.db}")
    manifest = Datasets(database).manifest("tiny")
    with database.session() as session:
        [holdout] = scored_predictions(session, find_system(session, 1))
    database.engine.dispose()
    paths = [manifest.utterances[row].path for row in holdout.rows]
    found = json.loads(predict(1, *paths, "--format", "json").out)
    assert [file["path"] for file in found] == paths
    assert all(tuple(file["probabilities"]) == manifest.emotions for file in found)
    probabilities = np.array([list(file["probabilities"].values()) for file in found])
    # Prepared clips are kept in 16 bits, which is all that may differ.
    temperature = fit_temperature(holdout.logits, manifest.targets[holdout.rows])
    calibrated = softmax(holdout.logits / temperature, axis=1)
    np.testing.assert_allclose(probabilities, calibrated, atol=1e-3)


def test_predictions_below_a_confidence_are_rejected_in_every_format(predict, finished):
    files = sorted(finished.corpus.rglob("*.wav"))[:6]
    free = json.loads(predict(1, *files, "--format", "json").out)
    assert [file["confidence"] for file in free] == [
        max(file["probabilities"].values()) for file in free
    ]
    assert not any(file["rejected"] for file in free)
    least = sorted(file["confidence"] for file in free)[3]
    ran = predict(1, *files, "--reject-below", least, "--format", "json")
    assert ran.code == 0
    expected = [
        {**file, "emotion": None, "rejected": True} if file["confidence"] < least else file
        for file in free
    ]
    assert json.loads(ran.out) == expected
    rejected = sum(file["rejected"] for file in expected)
    assert 0 < rejected < 6
    table = predict(1, *files, "--reject-below", least)
    named = [line.split()[1] for line in table.out.splitlines()[1:]]
    assert named == [file["emotion"] or "rejected" for file in expected]
    assert ran.err == table.err
    assert table.err.startswith(f"{rejected} of 6 predictions ")


@pytest.mark.parametrize("least", ["-0.1", "1.1", "nan"])
def test_a_least_confidence_that_is_no_probability_is_one_line(predict, clip, least):
    error_of(predict(1, clip, "--reject-below", least), 2)


@pytest.mark.usefixtures("weights")
def test_without_stored_predictions_there_is_no_calibration(run, clip, tmp_path):
    with closing(sqlite3.connect(tmp_path / "serbench.db")) as database, database:
        database.execute("DELETE FROM prediction")
    assert "entry 1 " in error_of(run("predict", 1, clip), 2)
    for command in (["leaderboard", "show", 1], ["report", "paper", "--out", "report"]):
        assert "entry 1 " in error_of(run(*command), 2)


def test_a_table_names_the_most_probable_emotion(predict, clip):
    [file] = json.loads(predict(1, clip, "--format", "json").out)
    header, line = predict(1, clip).out.splitlines()
    assert header.split() == ["file", "emotion", *file["probabilities"]]
    assert line.split()[:2] == [
        str(clip),
        max(file["probabilities"], key=file["probabilities"].get),
    ]
    assert line.split()[2:] == [f"{share:.3f}" for share in file["probabilities"].values()]
    assert file["emotion"] == line.split()[1]
    assert sum(file["probabilities"].values()) == pytest.approx(1)


def test_a_file_of_which_only_the_beginning_was_used_is_named(predict, tmp_path):
    soundfile.write(tmp_path / "long.wav", noise(5), 16_000)
    ran = predict(1, tmp_path / "long.wav")
    assert ran.code == 0
    assert ran.err.startswith(f"{tmp_path / 'long.wav'}: ")
    assert "0.5 s of 5.0 s" in ran.err


def test_an_unknown_entry_is_a_usage_error(predict, clip):
    assert "7" in error_of(predict(7, clip), 2)


def test_without_a_database_there_is_nothing_to_predict_with(run, clip, tmp_path):
    assert str(tmp_path / "serbench.db") in error_of(run("predict", 7, clip), 1)
    assert not (tmp_path / "serbench.db").exists()


@pytest.mark.parametrize("arguments", [[], ["1"], ["first", "a.wav"]])
def test_an_entry_and_files_must_be_given(run, arguments):
    assert run("predict", *arguments).code == 2


@pytest.fixture
def weights(copied, finished, tmp_path):
    """The entry's weights file, in a copy of the finished study."""
    copied(finished)
    [file] = [
        path
        for path in (tmp_path / "serbench-artifacts").glob("*.safetensors")
        if "-trial-" not in path.name
    ]
    return file


@pytest.mark.usefixtures("weights")
def test_a_database_moved_with_its_weights_still_predicts(run, predict, clip):
    assert run("predict", 1, clip).out == predict(1, clip).out


def test_missing_weights_are_one_line(run, weights, clip):
    weights.unlink()
    assert str(weights) in error_of(run("predict", 1, clip), 1)


def test_weights_that_were_changed_are_not_used(run, weights, clip):
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert str(weights) in error_of(run("predict", 1, clip), 1)


def test_on_eighty_columns_no_probability_is_broken(terminal, finished, clip):
    shown = terminal(80, "predict", 1, clip, "--db", finished.db)
    assert all(len(line) <= 80 for line in shown.splitlines())
    assert sum(cell.startswith("0.") and len(cell) == 5 for cell in shown.split()) >= 5


def test_all_recordings_of_a_folder_are_answered(predict, finished, tmp_path):
    good = tmp_path / "many" / "deep" / "good.wav"
    good.parent.mkdir(parents=True)
    soundfile.write(good, noise(), 16_000)
    (tmp_path / "many" / "bad.wav").write_bytes(b"")
    (tmp_path / "many" / "notes.txt").write_text("nothing")
    result = predict(1, tmp_path / "many", "--format", "json")
    answers = {answer["path"]: answer["error"] for answer in json.loads(result.out)}
    assert answers.keys() == {str(good), str(tmp_path / "many" / "bad.wav")}
    assert answers[str(good)] is None
    assert result.code == 1


def test_a_folder_without_recordings_is_an_error(predict, tmp_path):
    (tmp_path / "none").mkdir()
    result = predict(1, tmp_path / "none", "--format", "json")
    assert [answer["error"] is None for answer in json.loads(result.out)] == [False]
    assert result.code == 1
