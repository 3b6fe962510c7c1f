"""``serbench predict``: ask an entry what it hears."""

import json
import shutil

import numpy as np
import pytest
import soundfile
from scipy.special import softmax

from serbench.data.protocols import HOLDOUT
from serbench.store.database import Database
from serbench.store.datasets import Datasets
from serbench.store.entries import Entries
from serbench.store.studies import Studies


@pytest.fixture
def ask(run, finished):
    """``ask(1, "a.wav")`` asks an entry of the finished study."""
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
    "missing": (lambda path: None, "missing; check the path"),
    "empty": (lambda path: path.write_bytes(b""), "empty file"),
    "a folder": (lambda path: path.mkdir(), "a folder, not a file"),
    "truncated": (truncated, "truncated"),
    "not audio": (lambda path: path.write_text("hello " * 99), "not audio"),
    "all zero": (lambda path: soundfile.write(path, np.zeros(8000), 16_000), "silent"),
    "not a number": (
        lambda path: soundfile.write(path, not_a_number(), 16_000, subtype="FLOAT"),
        "samples that are not numbers",
    ),
    "an LFS pointer": (lambda path: path.write_text(POINTER), "run `git lfs pull`"),
}


@pytest.mark.parametrize("defect", BAD)
def test_a_file_that_cannot_be_heard_is_one_line(ask, clip, tmp_path, defect):
    make, reason = BAD[defect]
    path = tmp_path / "bad.wav"
    make(path)
    ran = ask(1, clip, path)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"error: {path}: ")
    assert reason in ran.err
    assert ran.err.count("\n") == 1


def test_the_holdout_is_heard_as_it_was_scored(ask, finished):
    database = Database(f"sqlite:///{finished.db}")
    plan = Entries(database).record(1).plan
    manifest = Datasets(database).manifest("tiny")
    [holdout] = [o for (_, fold), o in Studies(database).folds(plan).items() if fold == HOLDOUT]
    database.engine.dispose()
    paths = [manifest.utterances[row].path for row in holdout.rows]
    heard = json.loads(ask(1, *paths, "--format", "json").out)
    assert [file["path"] for file in heard] == paths
    assert all(tuple(file["probabilities"]) == manifest.emotions for file in heard)
    said = np.array([list(file["probabilities"].values()) for file in heard])
    # Prepared clips are kept in 16 bits, which is all that may differ.
    np.testing.assert_allclose(said, softmax(holdout.logits, axis=1), atol=1e-3)


def test_a_table_names_the_most_probable_emotion(ask, clip):
    [file] = json.loads(ask(1, clip, "--format", "json").out)
    header, line = ask(1, clip).out.splitlines()
    assert header.split() == ["file", "emotion", *file["probabilities"]]
    assert line.split()[:2] == [
        str(clip),
        max(file["probabilities"], key=file["probabilities"].get),
    ]
    assert line.split()[2:] == [f"{share:.3f}" for share in file["probabilities"].values()]
    assert file["emotion"] == line.split()[1]
    assert sum(file["probabilities"].values()) == pytest.approx(1)


def test_what_was_not_heard_is_said(ask, tmp_path):
    soundfile.write(tmp_path / "long.wav", noise(5), 16_000)
    ran = ask(1, tmp_path / "long.wav")
    assert ran.code == 0
    assert ran.err == f"{tmp_path / 'long.wav'}: only the first 2.6 of 5.0 s were heard\n"


def test_an_unknown_entry_is_a_usage_error(ask, clip):
    ran = ask(7, clip)
    assert (ran.code, ran.err) == (2, "error: no entry 7: there are 1\n")


def test_without_any_entry_the_command_is_named(run, clip):
    ran = run("predict", 1, clip)
    assert (ran.code, ran.err) == (2, "error: no entry 1: run `serbench study run` first\n")


@pytest.mark.parametrize("arguments", [[], ["1"], ["first", "a.wav"]])
def test_an_entry_and_files_must_be_given(run, arguments):
    assert run("predict", *arguments).code == 2


@pytest.fixture
def moved(finished, tmp_path):
    """A copy of the finished study's database and weights: the database, and the weights file."""
    shutil.copy(finished.db, tmp_path / "copy.db")
    shutil.copytree(finished.db.parent / "serbench-artifacts", tmp_path / "serbench-artifacts")
    [weights] = (tmp_path / "serbench-artifacts").glob("*.safetensors")
    return tmp_path / "copy.db", weights


def test_a_database_moved_with_its_weights_still_answers(run, ask, moved, clip):
    db, _ = moved
    assert run("predict", 1, clip, "--db", db).out == ask(1, clip).out


def test_missing_weights_are_one_line(run, moved, clip):
    db, weights = moved
    weights.unlink()
    ran = run("predict", 1, clip, "--db", db)
    assert ran.code == 1
    assert ran.err == (
        f"error: the weights of this entry are missing: {weights}; run its study again\n"
    )


def test_weights_that_were_changed_are_not_used(run, moved, clip):
    db, weights = moved
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    ran = run("predict", 1, clip, "--db", db)
    assert ran.code == 1
    assert "is not what was trained: its hash differs" in ran.err


def test_on_eighty_columns_no_probability_is_broken(terminal, finished, clip):
    shown = terminal(80, "predict", 1, clip, "--db", finished.db)
    assert all(len(line) <= 80 for line in shown.splitlines())
    assert sum(cell.startswith("0.") and len(cell) == 5 for cell in shown.split()) >= 5
