"""`serbench export`, and predictions of exported files by `serbench predict`."""

import json
import re

import numpy as np
import pytest
import soundfile
from refusals import error_of

from serbench.builtin.onnx_int8 import STATIC
from serbench.deploy.model_file import open_model
from serbench.deploy.page import JAVASCRIPT, PACKAGE, WASM
from serbench.store.schema import ScoreRow

pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def exported(finished, call, tmp_path_factory):
    """Entry 1 of the finished study: what the command printed, and its file."""
    folder = tmp_path_factory.mktemp("exported")
    ran = call("export", 1, "--out", folder / "model.onnx", "--db", finished.db, "--format", "json")
    assert ran.code == 0, ran.err
    return ran, folder / "model.onnx"


def test_json_has_the_facts_of_the_file(exported, run, finished):
    ran, file = exported
    facts = json.loads(ran.out)
    stored = open_model(file).facts
    for name, value in vars(stored).items():
        assert facts[name] == (list(value) if isinstance(value, tuple) else value)
    assert facts["file"] == str(file)
    assert facts["page"] is None
    assert facts["megabytes"] == file.stat().st_size / 1e6
    [row] = json.loads(run("leaderboard", "--db", finished.db, "--format", "json").out)
    assert facts["uar"] == row["uar"]
    assert facts["protocol_id"] == row["protocol_id"]
    assert len(ran.err.splitlines()) == 1


def test_the_model_card_lies_beside_the_file(exported):
    ran, file = exported
    card = file.with_suffix(".md")
    assert json.loads(ran.out)["card"] == str(card)
    assert f"{100 * json.loads(ran.out)['uar']:.1f}" in card.read_text("utf-8")


def probabilities(ran):
    assert ran.code == 0, ran.err
    return {file["path"]: file["probabilities"] for file in json.loads(ran.out)}


def test_the_file_predicts_like_its_entry(exported, run, finished, tmp_path):
    clips = sorted(finished.corpus.rglob("*.wav"))[::5]
    sound, rate = soundfile.read(clips[0])
    parts = {"short.wav": sound[:1200], "long.wav": np.tile(sound, 5), "eight.wav": sound}
    for name, part in parts.items():
        wide = np.repeat(part[:, None], 8, axis=1) if name == "eight.wav" else part
        soundfile.write(tmp_path / name, wide, 96_000 if name == "eight.wav" else rate)
    files = [*clips, *(tmp_path / name for name in parts)]
    options = ("--format", "json", "--keep-silence")
    found = probabilities(run("predict", exported[1], *files, *options))
    expected = probabilities(run("predict", 1, *files, *options, "--db", finished.db))
    assert found.keys() == expected.keys()
    for path in expected:
        assert found[path] == pytest.approx(expected[path], abs=1e-4)


def test_the_file_needs_no_database(exported, run, finished, tmp_path):
    clip = min(finished.corpus.rglob("*.wav"))
    assert run("predict", exported[1], clip).code == 0
    assert not (tmp_path / "serbench.db").exists()


def test_bad_recordings_are_listed_and_the_others_are_answered(exported, run, finished, tmp_path):
    clip = min(finished.corpus.rglob("*.wav"))
    soundfile.write(tmp_path / "silent.wav", np.zeros(8000), 16_000)
    (tmp_path / "text.wav").write_text("text")
    ran = run("predict", exported[1], clip, tmp_path / "silent.wav", tmp_path / "text.wav")
    assert ran.code == 1
    assert len(ran.err.splitlines()) == 2
    assert ran.out.count(".wav") == 1


@pytest.mark.parametrize("model", ["none.onnx", "."])
def test_a_model_that_does_not_exist_is_one_line(run, finished, model):
    clip = min(finished.corpus.rglob("*.wav"))
    assert model in error_of(run("predict", model, clip), 2)


def test_a_model_that_is_no_onnx_file_is_one_line(run, finished, tmp_path):
    clip = min(finished.corpus.rglob("*.wav"))
    assert str(clip) in error_of(run("predict", clip, clip), 2)


REFUSED = {
    "no such entry": ((7, "--out", "m.onnx"), 2),
    "no folder": ((1, "--out", "none/m.onnx"), 2),
    "no folder of the page": ((1, "--out", "m.onnx", "--page", "none/p.html"), 2),
    "the card replaces the file": ((1, "--out", "m.md"), 2),
    "the page replaces the file": ((1, "--out", "m.onnx", "--page", "m.onnx"), 2),
    "the program replaces the file": ((1, "--out", "bench.py"), 2),
    "no such rate": ((1, "--out", "m.onnx", "--input-rate", 0), 2),
    "no such precision": ((1, "--out", "m.onnx", "--precision", "fp16"), 2),
    "no package for a page": ((1, "--out", "m.onnx", "--page", "p.html"), 1),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_exported_is_one_line_and_leaves_no_file(run, finished, tmp_path, case):
    arguments, code = REFUSED[case]
    error_of(run("export", *arguments, "--db", finished.db), code)
    assert not [path for path in tmp_path.rglob("m.*") if path.is_file()]


def test_an_imported_entry_and_lost_weights_are_one_line(run, finished, copied, tmp_path):
    copied(finished)
    predicted = tmp_path / "predicted.csv"
    assert run("leaderboard", "export-predictions", 1, "--out", predicted).code == 0
    options = ("--dataset", "tiny", "--protocol", "speaker-2:holdout", "--name", "guest")
    assert run("leaderboard", "import", predicted, *options).code == 0
    assert "entry 2" in error_of(run("export", 2, "--out", "m.onnx"), 2)
    for path in (tmp_path / "serbench-artifacts").glob("*.safetensors"):
        path.unlink()
    assert "serbench study reproduce 1" in error_of(run("export", 1, "--out", "m.onnx"), 1)


def test_a_page_is_written_with_the_package_of_this_folder(run, finished, tmp_path):
    place = tmp_path / "node_modules" / PACKAGE / "dist"
    place.mkdir(parents=True)
    for name in (JAVASCRIPT, WASM):
        (place / name).write_bytes(b"one")
    ran = run("export", 1, "--out", "m.onnx", "--page", "p.html", "--db", finished.db)
    assert ran.code == 0, ran.err
    assert re.search(r'id="facts">\{"entry": 1,', (tmp_path / "p.html").read_text("utf-8"))
    assert ran.out.splitlines()[-1].endswith("p.html")
    assert (tmp_path / "m.md").is_file()


def test_8_bits_are_scored_with_clips_of_every_speaker(run, all_tested, copied, monkeypatch):
    database = copied(all_tested)
    monkeypatch.setattr("serbench.builtin.onnx_int8.STATIC", STATIC[:1])  # it takes seconds
    ran = run("export", 1, "--out", "m.onnx", "--precision", "int8", "--format", "json")
    assert ran.code == 0, ran.err
    facts = json.loads(ran.out)
    assert (facts["runtime"], facts["precision"]) == ("onnx-int8", "int8")
    with database.session() as session:
        [row] = session.query(ScoreRow).filter_by(
            runtime="onnx-int8", metric="uar", evidence="corrected_cv"
        )
        assert row.value == facts["uar"]
    clip = min(all_tested.corpus.rglob("*.wav"))
    assert run("predict", "m.onnx", clip).code == 0
    assert run("leaderboard", "rescore").code == 0
