"""Whatever is wrong is said in one line, with an exit code, and without a traceback."""

import errno
import os

import numpy as np
import pytest
import soundfile
from refusals import error_of

from serbench.errors import DatasetError, SerbenchError, StorageError, UsageError

pytestmark = pytest.mark.usefixtures("without_timm")

RATE = 16000
NAME = "03-01-05-01-01-01-01.wav"


def noise():
    return np.random.default_rng(0).uniform(-0.5, 0.5, 4000)


def write_cut(path):
    soundfile.write(path, noise(), RATE)
    path.write_bytes(path.read_bytes()[:4000])


def write_nan(path):
    samples = noise()
    samples[5] = np.nan
    soundfile.write(path, samples, RATE, subtype="FLOAT")


DEFECTS = {
    "missing": (lambda path: path.symlink_to(path.with_name("gone")), "1 × missing"),
    "empty": (lambda path: path.touch(), "1 × empty file"),
    "truncated": (write_cut, "1 × truncated"),
    "not audio": (lambda path: path.write_text("hello"), "1 × not audio that libsndfile can read"),
    "zeros": (
        lambda path: soundfile.write(path, np.zeros(4000), RATE),
        "1 × silent (every sample is zero)",
    ),
    "nan": (write_nan, "1 × samples that are not numbers (NaN or infinite)"),
    "lfs": (
        lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
        "1 × Git-LFS pointer, not audio",
    ),
}


def study(*options):
    return ["study", "run", "--backbone", "homebrew", "--dataset", "tiny", *options]


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_folder_with_nothing_but_a_bad_recording_is_refused_with_the_reason(
    run, tmp_path, defect
):
    write, reason = DEFECTS[defect]
    folder = tmp_path / "corpus"
    folder.mkdir()
    write(folder / NAME)
    said = error_of(run("corpus", "scan", folder, "--dataset", "bad"), 1)
    assert f"({reason})" in said
    assert str(folder) in said
    assert "no datasets yet" in run("corpus", "list").out


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_bad_recording_among_good_ones_is_skipped_with_the_reason(run, tiny_corpus, defect):
    write, reason = DEFECTS[defect]
    write(tiny_corpus / "03-01-05-01-01-01-24.wav")
    ran = run("corpus", "scan", tiny_corpus, "--dataset", "tiny")
    assert ran.code == 0
    assert "found 37 = kept 36 + skipped 1" in ran.out
    assert f"skipped 1: {reason.removeprefix('1 × ')}" in ran.out


def test_a_folder_that_is_not_there_is_refused(run):
    assert "nowhere does not exist" in error_of(
        run("corpus", "scan", "nowhere", "--dataset", "x"), 2
    )


def test_an_empty_folder_is_refused(run, tmp_path):
    (tmp_path / "empty").mkdir()
    said = error_of(run("corpus", "scan", "empty", "--dataset", "x"), 1)
    assert said.startswith("no recordings under")


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        (["--emotions", "angre,fear"], "unknown emotion 'angre': did you mean anger"),
        (["--corpus", "ravdes"], "unknown corpus 'ravdes': did you mean ravdess"),
    ],
)
def test_a_mistyped_name_is_answered_when_scanning(run, tiny_corpus, options, hint):
    assert hint in error_of(run("corpus", "scan", tiny_corpus, "--dataset", "tiny", *options), 2)


def test_a_mistyped_dataset_is_answered(run, scanned):
    said = error_of(run("corpus", "show", "tinny"), 2)
    assert said == "unknown dataset 'tinny': did you mean tiny?"


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        (["--backbone", "homebrw"], "unknown backbone 'homebrw': did you mean homebrew"),
        (["--front-end", "mell"], "unknown front end 'mell': did you mean mel"),
        (["--schedule", "onecycle"], "did you mean one-cycle"),
        (["--protocol", "speeker-5"], "unknown protocol 'speeker-5': did you mean speaker-5"),
        (["--dataset", "tinny"], "unknown dataset 'tinny': did you mean tiny?"),
        (["--protocol", "speaker-1"], "fewer than two folds: try speaker-5"),
    ],
)
def test_a_mistyped_option_of_a_study_is_answered(run, scanned, options, hint):
    assert hint in error_of(run(*study(), *options), 2)


def test_a_study_without_a_backbone_is_asked_for_one(run, scanned):
    assert "which backbone?" in error_of(run("study", "run", "--dataset", "tiny"), 2)


def test_fewer_speakers_than_folds_are_refused_with_advice(run, scanned):
    said = error_of(run(*study("--protocol", "speaker-9")), 1)
    assert "6 speakers, 5 without the holdout" in said
    assert "use speaker-5" in said


def test_one_corpus_cannot_be_split_by_corpora(run, scanned):
    said = error_of(run(*study("--protocol", "corpus")), 1)
    assert "needs at least two corpora" in said


def test_one_class_is_no_task(run, tiny_corpus):
    assert run("corpus", "scan", tiny_corpus, "--dataset", "tiny", "--emotions", "fear").code == 0
    said = error_of(run(*study()), 1)
    assert "one emotion only (fear): a classifier needs at least two" in said


@pytest.mark.parametrize("option", ["--trials", "--epochs", "--batch-size", "--timeout"])
def test_a_number_out_of_range_is_a_usage_error(run, option):
    ran = run(*study(option, "0"))
    assert ran.code == 2
    assert f"Invalid value for '{option}'" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("typed", [["corpis"], ["corpus", "scna"], ["study", "run", "--fast"]])
def test_what_the_command_line_does_not_know_is_a_usage_error(run, typed):
    ran = run(*typed)
    assert ran.code == 2
    assert "No such" in ran.err
    assert "Traceback" not in ran.err


def test_a_study_file_that_is_no_toml_is_refused_with_the_line(run, tmp_path):
    (tmp_path / "study.toml").write_text('backbone = "homebrew"\ntrials = = 3\n')
    said = error_of(run("study", "run", "--study", "study.toml"), 2)
    assert said.startswith("study file study.toml: is not valid TOML")
    assert "line 2" in said


def test_a_study_file_that_is_not_there_is_refused(run):
    said = error_of(run("study", "run", "--study", "nowhere.toml"), 2)
    assert "nowhere.toml: cannot be read (No such file or directory)" in said


def test_every_mistake_of_a_study_file_is_named_at_once(run, tmp_path):
    (tmp_path / "study.toml").write_text(
        'backbone = "homebrw"\nfront_end = "mell"\nprotocol = "speeker-5"\n'
        'trials = 0\nepochs = "many"\ncolour = "red"\n'
    )
    said = error_of(run("study", "run", "--study", "study.toml"), 2)
    for mistake in (
        "backbone: unknown backbone 'homebrw': did you mean homebrew",
        "front_end: unknown front end 'mell'",
        "protocol: unknown protocol 'speeker-5': did you mean speaker-5",
        "trials: ",
        "epochs: ",
        "colour: no such configuration",
    ):
        assert mistake in said


def test_a_full_disk_stops_a_study_with_what_it_needs(run, scanned, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    said = error_of(run(*study("--protocol", "speaker-2")), 1)
    assert "the disk is full: preparing the clips needs 5 MB" in said
    assert "SERBENCH_CACHE" in said


def test_a_recording_that_changed_after_the_scan_stops_a_study(run, scanned, tiny_corpus):
    soundfile.write(tiny_corpus / "Actor_02" / NAME.replace("01.wav", "02.wav"), noise(), RATE)
    said = error_of(run(*study("--protocol", "speaker-2")), 1)
    assert "is not the recording that was scanned: scan its folder again" in said


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["corpus", "scan", "nowhere", "--dataset", "x"], UsageError),
        (["corpus", "show", "nothing"], DatasetError),
        (["corpus", "list", "--db", "nowhere/my.db"], StorageError),
    ],
)
@pytest.mark.parametrize("place", [0, 2], ids=["before", "after"])
def test_debug_shows_the_traceback(run, arguments, kind, place):
    arguments = [*arguments[:place], "--debug", *arguments[place:]]
    with pytest.raises(SerbenchError) as shown:
        run(*arguments)
    assert isinstance(shown.value, kind)
