"""Whatever is wrong is printed in one line, with an exit code, and without a traceback."""

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
    "missing": (lambda path: path.symlink_to(path.with_name("gone")), "missing"),
    "empty": (lambda path: path.touch(), "empty file"),
    "truncated": (write_cut, "truncated"),
    "not audio": (lambda path: path.write_text("hello"), "not audio"),
    "zeros": (lambda path: soundfile.write(path, np.zeros(4000), RATE), "silent"),
    "nan": (write_nan, "NaN"),
    "lfs": (
        lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
        "Git-LFS",
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
    line = error_of(run("corpus", "scan", folder, "--dataset", "bad"), 1)
    assert reason in line
    assert str(folder) in line
    assert not (tmp_path / "serbench.db").exists()


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_bad_recording_among_good_ones_is_skipped_with_the_reason(run, tiny_corpus, defect):
    write, reason = DEFECTS[defect]
    write(tiny_corpus / "03-01-05-01-01-01-24.wav")
    ran = run("corpus", "scan", tiny_corpus, "--dataset", "tiny")
    assert ran.code == 0
    assert "found 37 = kept 36 + skipped 1" in ran.out
    assert reason in ran.out


LONG = "a" * 300
IMPORT = ("leaderboard", "import", "PATH", "--dataset", "tiny", "--name", "x")
STUDY = ("study", "run", "--backbone", "homebrew", "--dataset", "tiny")


@pytest.mark.parametrize("path", [LONG, "pipe"])
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["corpus", "scan", "PATH", "--dataset", "x"], None),
        (["corpus", "scan", "folder", "--dataset", "x", "--exclude", "PATH"], 2),
        (["study", "run", "--study", "PATH"], 2),
        ([*STUDY, "--weights", "PATH"], 1),
        ([*STUDY, "--protocol", "folds:PATH"], 2),
        ([*IMPORT, "--protocol", "speaker-2:holdout"], 2),
    ],
    ids=["scan", "exclude", "study", "weights", "folds", "import"],
)
def test_a_path_that_cannot_be_read_is_refused_at_once(
    run, scanned, tmp_path, arguments, code, path
):
    os.mkfifo(tmp_path / "pipe")
    ran = run(*(each.replace("PATH", path) for each in arguments))
    assert path in error_of(ran, (2 if path == LONG else 1) if code is None else code)


def test_a_folder_that_is_not_there_is_refused(run):
    assert "nowhere" in error_of(run("corpus", "scan", "nowhere", "--dataset", "x"), 2)


def test_an_empty_folder_is_refused(run, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "empty" in error_of(run("corpus", "scan", "empty", "--dataset", "x"), 1)


@pytest.mark.parametrize(
    ("options", "nearest"),
    [(["--emotions", "angre,fear"], "anger"), (["--corpus", "ravdes"], "ravdess")],
)
def test_a_mistyped_name_is_refused_with_the_nearest_when_scanning(
    run, tiny_corpus, options, nearest
):
    line = error_of(run("corpus", "scan", tiny_corpus, "--dataset", "tiny", *options), 2)
    assert nearest in line


@pytest.mark.parametrize(
    ("options", "nearest"),
    [
        (["--backbone", "homebrw"], "homebrew"),
        (["--front-end", "mell"], "mel"),
        (["--schedule", "onecycle"], "one-cycle"),
        (["--head", "liner"], "linear"),
        (["--objective", "crossentropy"], "cross-entropy"),
        (["--augmentations", "noize"], "noise"),
        (["--protocol", "speeker-5"], "speaker-5"),
        (["--protocol", "speaker-1:holdout"], "speaker-5"),
        (["--dataset", "tinny"], "tiny"),
    ],
)
def test_a_mistyped_option_of_a_study_is_refused_with_the_nearest(run, scanned, options, nearest):
    given = [] if options[0] == "--backbone" else ["--backbone", "homebrew"]
    line = error_of(run("study", "run", *given, *options), 2)
    assert options[1] in line
    assert nearest in line


def test_weights_without_a_backbone_are_refused(run, scanned):
    ran = run("study", "run", "--dataset", "tiny", "--weights", "none")
    assert "--backbone" in error_of(ran, 2)


@pytest.mark.parametrize("protocol", ["speaker-9:holdout", "corpus"])
def test_a_dataset_that_cannot_be_split_so_is_refused(run, scanned, protocol):
    error_of(run(*study("--protocol", protocol)), 1)


def test_one_class_is_no_task(run, tiny_corpus):
    assert run("corpus", "scan", tiny_corpus, "--dataset", "tiny", "--emotions", "fear").code == 0
    assert "fear" in error_of(run(*study()), 1)


@pytest.mark.parametrize(
    "option", ["--trials", "--epochs", "--batch-size", "--timeout", "--minutes", "--nested"]
)
def test_a_number_out_of_range_is_a_usage_error(run, option):
    ran = run(*study(option, "0"))
    assert ran.code == 2
    assert option in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("typed", [["corpis"], ["corpus", "scna"], ["study", "run", "--fast"]])
def test_an_unknown_word_on_the_command_line_is_a_usage_error(run, typed):
    ran = run(*typed)
    assert ran.code == 2
    assert typed[-1] in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    "typed",
    [
        ["export", "1", "--out", ""],
        ["export", "1", "--out", "m.onnx", "--page", ""],
        ["predict", "1", "a.wav", ""],
        ["latency", "import", ""],
        ["corpus", "scan", "", "--dataset", "x"],
    ],
)
def test_an_empty_path_is_a_usage_error(run, typed):
    """It would be the current folder."""
    ran = run(*typed)
    assert ran.code == 2
    assert "empty" in ran.err
    assert "Traceback" not in ran.err


def test_a_study_file_that_is_no_toml_is_refused_with_the_line(run, tmp_path):
    (tmp_path / "study.toml").write_text('backbone = "homebrew"\ntrials = = 3\n')
    line = error_of(run("study", "run", "--study", "study.toml"), 2)
    assert "study.toml" in line
    assert "line 2" in line


def test_a_study_file_that_is_not_there_is_refused(run):
    assert "nowhere.toml" in error_of(run("study", "run", "--study", "nowhere.toml"), 2)


def test_every_mistake_of_a_study_file_is_named_at_once(run, tmp_path):
    (tmp_path / "study.toml").write_text(
        'backbone = "homebrw"\nfront_end = "mell"\nprotocol = "speeker-5"\n'
        'trials = 0\nepochs = "many"\ncolour = "red"\n'
    )
    line = error_of(run("study", "run", "--study", "study.toml"), 2)
    for place in ("backbone: ", "front_end: ", "protocol: ", "trials: ", "epochs: ", "colour: "):
        assert place in line


def test_a_full_disk_stops_a_study_with_what_it_needs(run, scanned, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    line = error_of(run(*study("--protocol", "speaker-2:holdout")), 1)
    assert "1 MB" in line
    assert "SERBENCH_CACHE" in line


def test_a_recording_that_changed_after_the_scan_stops_a_study(run, scanned, tiny_corpus):
    changed = tiny_corpus / "Actor_02" / NAME.replace("01.wav", "02.wav")
    soundfile.write(changed, noise(), RATE)
    assert str(changed) in error_of(run(*study("--protocol", "speaker-2:holdout")), 1)


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["corpus", "scan", "nowhere", "--dataset", "x"], UsageError),
        (["corpus", "show", "nothing"], (UsageError, DatasetError)),
        (["corpus", "list", "--db", "nowhere/my.db"], StorageError),
    ],
)
@pytest.mark.parametrize("place", [0, 2], ids=["before", "after"])
@pytest.mark.usefixtures("scanned")
def test_debug_shows_the_traceback(run, arguments, kind, place):
    arguments = [*arguments[:place], "--debug", *arguments[place:]]
    with pytest.raises(SerbenchError) as shown:
        run(*arguments)
    assert isinstance(shown.value, kind)
