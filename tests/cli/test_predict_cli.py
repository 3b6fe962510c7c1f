"""``serbench predict``: the emotions of files."""

import csv
import io
import json
import os
import sqlite3
from contextlib import closing

import numpy as np
import pytest
import soundfile
import soxr
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
    "a few samples": lambda path: soundfile.write(path, noise()[:9], 16_000),
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


@pytest.fixture
def by_level(monkeypatch):
    """Speech is detected by level, as without the extra ``live``."""
    monkeypatch.setattr("serbench.deploy.speech.find_spec", lambda name: None)


@pytest.fixture
def long(finished, tmp_path):
    """Two clips of the corpus with a second of silence between them, two seconds in all."""
    clips = sorted(finished.corpus.rglob("*.wav"))
    first, last = (soundfile.read(clip, dtype="float32")[0] for clip in (clips[0], clips[-1]))
    path = tmp_path / "two clips.wav"
    sound = np.concatenate([first, np.zeros(16_000, np.float32), last])
    soundfile.write(path, sound, 16_000, subtype="PCM_16")
    return path


def test_a_recording_longer_than_a_window_has_a_timeline(predict, finished, long, by_level):
    ran = predict(1, long, "--hop", 0.5, "--format", "json")
    assert ran.code == 0
    [file] = json.loads(ran.out)
    assert (file["path"], file["seconds"], file["error"]) == (str(long), 2.0, None)
    assert [(part["start"], part["end"]) for part in file["timeline"]] == [
        (0, 0.5),
        (0.5, 1),
        (1, 1.5),
        (1.5, 2),
    ]
    assert [part["silent"] for part in file["timeline"]] == [False, True, True, False]
    clips = sorted(finished.corpus.rglob("*.wav"))
    first, last = json.loads(predict(1, clips[0], clips[-1], "--format", "json").out)
    for part, clip in ((file["timeline"][0], first), (file["timeline"][3], last)):
        assert part["emotion"] == clip["emotion"]
        assert part["probabilities"] == pytest.approx(clip["probabilities"], abs=1e-4)
    for emotion, share in file["probabilities"].items():
        mean = (first["probabilities"][emotion] + last["probabilities"][emotion]) / 2
        assert share == pytest.approx(mean, abs=1e-4)
    assert len(ran.err.splitlines()) == 1  # how speech was detected


def test_silence_is_predicted_too_where_it_is_asked_for(predict, long, by_level):
    ran = predict(1, long, "--keep-silence", "--format", "json")
    [file] = json.loads(ran.out)
    assert len(file["timeline"]) == 7
    assert not any(part["silent"] for part in file["timeline"])
    assert ran.err == ""


def test_the_table_of_a_long_file_names_its_windows_and_its_silence(predict, long, clip, by_level):
    ran = predict(1, clip, long, "--hop", 0.5)
    title, header, *rows = ran.out.splitlines()
    assert title == str(long)
    assert header.split()[:3] == ["start", "end", "emotion"]
    assert [row.split()[:2] for row in rows[:4]] == [
        ["0.00", "0.50"],
        ["0.50", "1.00"],
        ["1.00", "1.50"],
        ["1.50", "2.00"],
    ]
    assert [row.split()[2] == "silence" for row in rows[:4]] == [False, True, True, False]
    assert rows[5].split()[:2] == ["file", "emotion"]
    assert [row.startswith(str(path)) for row, path in zip(rows[6:], [clip, long], strict=True)]


def test_csv_has_the_numbers_of_json(predict, long, clip, tmp_path, by_level):
    files = (1, clip, long, tmp_path / "none.wav")
    plain = json.loads(predict(*files, "--format", "json").out)
    ran = predict(*files, "--format", "csv")
    assert ran.code == 1
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    whole = [row for row in rows if row["part"] == "file"]
    assert [row["path"] for row in whole] == [file["path"] for file in plain]
    assert [row["emotion"] or None for row in whole] == [file["emotion"] for file in plain]
    assert [row["error"] or None for row in whole] == [file["error"] for file in plain]
    windows = [row for row in rows if row["part"] == "window"]
    for row, part in zip(windows, plain[1]["timeline"], strict=True):
        assert (float(row["start"]), float(row["end"])) == (part["start"], part["end"])
        assert (row["silent"] == "True") == part["silent"]
        if not part["silent"]:
            found = {name[2:]: float(row[name]) for name in row if name.startswith("p_")}
            assert found == part["probabilities"]


def test_rejected_files_and_windows_are_counted(predict, long, clip, by_level):
    ran = predict(1, clip, long, "--hop", 0.5, "--reject-below", 1)
    assert ran.err.splitlines()[-1].startswith("2 of 2 predictions rejected for files, 2 of 2 ")
    assert ran.out.split().count("rejected") == 4
    assert predict(1, long, "--reject-below", 1, "--format", "rttm").out == ""


def test_rttm_has_the_segments_of_the_timeline(predict, long, by_level):
    [file] = json.loads(predict(1, long, "--hop", 0.5, "--format", "json").out)
    first, last = file["timeline"][0], file["timeline"][3]
    assert predict(1, long, "--hop", 0.5, "--format", "rttm").out.splitlines() == [
        f"SPEAKER two_clips 1 {part['start']:.3f} 0.500 <NA> <NA> {part['emotion']} "
        f"{part['confidence']:.3f} <NA>"
        for part in (first, last)
    ]


def test_a_long_file_without_speech_is_one_line(predict, tmp_path, by_level):
    faint = np.zeros(32_000)
    faint[::100] = 1e-4
    soundfile.write(tmp_path / "faint.wav", faint, 16_000)
    line = error_of(predict(1, tmp_path / "faint.wav"), 1)
    assert line.startswith(f"{tmp_path / 'faint.wav'}: ")
    assert predict(1, tmp_path / "faint.wav", "--keep-silence").code == 0


@pytest.mark.parametrize("hop", ["0", "-1", "0.6", "nan", "inf", "much"])
def test_a_hop_that_is_not_possible_is_refused(predict, clip, hop):
    ran = predict(1, clip, "--hop", hop)
    assert (ran.code, ran.out) == (2, "")


def test_eight_channels_at_96_khz_are_answered(predict, clip, tmp_path):
    speech, rate = soundfile.read(clip, dtype="float32")
    sound = soxr.resample(np.repeat(speech[:, None], 8, axis=1), rate, 96_000)
    soundfile.write(tmp_path / "eight.wav", sound, 96_000, "FLOAT")
    [file] = json.loads(predict(1, tmp_path / "eight.wav", "--format", "json").out)
    [plain] = json.loads(predict(1, clip, "--format", "json").out)
    assert file["probabilities"] == pytest.approx(plain["probabilities"], abs=0.02)


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
