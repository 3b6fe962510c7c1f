"""``serbench corpus``: scan, list, show, fetch."""

import json
import shutil

import pytest
from refusals import error_of

from serbench.builtin.demo import Demo

SHARED = ["sadness", "anger", "disgust", "fear", "happiness", "neutral"]


@pytest.fixture
def scanned(run, tiny_corpus):
    """``tiny_corpus`` as dataset ``tiny``; what the scan printed."""
    ran = run("corpus", "scan", tiny_corpus, "--dataset", "tiny")
    assert ran.code == 0
    return ran


def shown(run, name="tiny"):
    return json.loads(run("corpus", "show", name, "--format", "json").out)


def test_a_scan_accounts_for_every_file(scanned):
    lines = scanned.out.splitlines()
    assert lines[0].startswith("dataset tiny [")
    assert lines[1].split() == ["corpus", *SHARED, "clips", "speakers", "hours", "mean", "s"]
    assert lines[2].split() == ["ravdess", *["6"] * 6, "36", "6", "0.01", "0.50"]
    assert lines[-1] == "found 36 = kept 36 + skipped 0"
    assert "36 of 36" in scanned.err


def test_what_is_skipped_is_counted_by_reason(run, tiny_corpus):
    (tiny_corpus / "notes.wav").write_bytes(b"anything")
    next(tiny_corpus.rglob("03-*.wav")).write_bytes(b"")
    out = run("corpus", "scan", tiny_corpus, "--dataset", "tiny").out
    assert "found 37 = kept 35 + skipped 2" in out
    assert shown(run)["skipped"] == {"file name of no registered corpus": 1, "empty file": 1}
    assert all(f"skipped 1: {reason}" in out for reason in shown(run)["skipped"])


def test_the_same_audio_under_two_labels_is_a_conflict(run, tiny_corpus):
    happy = tiny_corpus / "Actor_01" / "03-01-03-01-01-01-01.wav"
    shutil.copy(happy, happy.with_name("03-01-05-01-01-02-01.wav"))
    out = run("corpus", "scan", tiny_corpus, "--dataset", "tiny").out
    [conflict] = shown(run)["conflicts"]
    assert len(conflict["recordings"]) == 2
    assert all(recording in out for recording in conflict["recordings"])


def test_a_scan_as_json_is_what_show_prints_later(run, tiny_corpus):
    ran = run("corpus", "scan", tiny_corpus, "--dataset", "tiny", "--format", "json")
    account = json.loads(ran.out)
    assert account == shown(run)
    assert (account["name"], account["utterances"], account["found"]) == ("tiny", 36, 36)
    assert account["by_emotion"] == dict.fromkeys(SHARED, 6)


def test_what_each_length_of_clips_cuts_and_pads_is_listed(run, scanned):
    listed = {each["seconds"]: each for each in shown(run)["clip_lengths"]}
    assert list(listed) == [0.5, 2.618, 10]
    assert (listed[0.5]["cut"], listed[0.5]["padded"]) == (0, 0)
    assert (listed[2.618]["cut"], listed[2.618]["padded"]) == (0, 36)
    cells = [line.split() for line in scanned.out.splitlines()]
    assert any(each[-6:] == ["2.618", "0", "0.0", "0.0", "36", "100.0"] for each in cells)


def test_show_prints_what_the_scan_printed(run, scanned):
    assert run("corpus", "show", "tiny").out == scanned.out


def test_chosen_emotions_are_kept_and_the_others_accounted_for(run, tiny_corpus):
    out = run("corpus", "scan", tiny_corpus, "--dataset", "two", "--emotions", "Anger, fear").out
    assert "found 36 = kept 12 + skipped 24" in out
    assert list(shown(run, "two")["by_emotion"]) == ["anger", "fear"]


def test_an_unknown_emotion_gets_the_nearest(run, tiny_corpus):
    ran = run("corpus", "scan", tiny_corpus, "--dataset", "tiny", "--emotions", "angrr")
    line = error_of(ran, 2)
    assert "angrr" in line
    assert "anger" in line


def test_only_the_named_corpus_is_recognised(run, tiny_corpus):
    ran = run("corpus", "scan", tiny_corpus, "--dataset", "tiny", "--corpus", "savee")
    assert "36 ×" in error_of(ran, 1)


def test_an_unknown_corpus_gets_the_nearest(run, tiny_corpus):
    ran = run("corpus", "scan", tiny_corpus, "--dataset", "tiny", "--corpus", "ravdes")
    assert "ravdess" in error_of(ran, 2)


def test_a_folder_that_does_not_exist_is_a_usage_error(run, tmp_path):
    ran = run("corpus", "scan", tmp_path / "nowhere", "--dataset", "tiny")
    assert str(tmp_path / "nowhere") in error_of(ran, 2)


def test_a_folder_without_recordings_is_an_error_and_no_dataset(run, tmp_path):
    (tmp_path / "empty").mkdir()
    ran = run("corpus", "scan", tmp_path / "empty", "--dataset", "tiny")
    assert str(tmp_path / "empty") in error_of(ran, 1)
    assert not (tmp_path / "serbench.db").exists()


@pytest.mark.parametrize("missing", [["--dataset", "tiny"], ["."]])
def test_folder_and_name_must_be_given(run, missing):
    ran = run("corpus", "scan", *missing)
    assert ran.code == 2
    assert "Missing" in ran.err


def test_before_any_scan_the_list_names_the_command(run):
    assert "serbench corpus scan" in error_of(run("corpus", "list"), 1)


def test_once_all_are_deleted_the_list_names_the_command(run, scanned):
    assert run("corpus", "delete", "tiny", "--yes").code == 0
    assert "serbench corpus scan" in run("corpus", "list").err


def test_an_empty_file_is_filled_by_a_scan(run, tiny_corpus, tmp_path):
    (tmp_path / "serbench.db").touch()
    assert run("corpus", "scan", tiny_corpus, "--dataset", "tiny").code == 0


def test_the_list_has_a_line_for_each_dataset(run, scanned, tiny_corpus):
    run("corpus", "scan", tiny_corpus / "Actor_01", "--dataset", "one")
    lines = run("corpus", "list").out.splitlines()
    assert lines[0].split() == [
        "dataset",
        "utterances",
        "speakers",
        "hours",
        "corpora",
        "speech",
        "commercial",
        "hash",
    ]
    assert sorted(line.split()[:3] for line in lines[1:]) == [
        ["one", "6", "1"],
        ["tiny", "36", "6"],
    ]
    listed = json.loads(run("corpus", "list", "--format", "json").out)
    assert {account["name"]: account["speakers"] for account in listed} == {"one": 1, "tiny": 6}


def test_an_unknown_dataset_gets_the_nearest(run, scanned):
    ran = run("corpus", "show", "tinny")
    line = error_of(ran, 2)
    assert "tinny" in line
    assert "tiny" in line


def test_on_eighty_columns_no_number_and_no_name_is_broken(terminal, scanned):
    lines = terminal(80, "corpus", "show", "tiny").splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert lines[1].split() == ["corpus", *SHARED, "clips", "speakers"]
    assert lines[2].split() == ["ravdess", *["6"] * 6, "36", "6"]


def test_on_a_narrow_terminal_numbers_are_not_broken(terminal, scanned):
    lines = terminal(40, "corpus", "show", "tiny").splitlines()
    assert lines[2].split() == ["ravdess", *["6"] * 6, "36", "6"]


def test_fetching_prints_where_and_what_to_do_next(run, monkeypatch, tmp_path):
    monkeypatch.setattr(Demo, "fetch", lambda self, folder: folder.mkdir(parents=True))
    ran = run("corpus", "fetch", "demo")
    folder = tmp_path / "cache" / "corpora" / "demo"
    assert ran.out.splitlines()[0] == str(folder)
    assert f"serbench corpus scan {folder} --dataset demo" in ran.err
    assert folder.is_dir()
    assert run("corpus", "fetch", "demo", "--to", tmp_path / "mine").out.startswith(
        f"{tmp_path / 'mine'}\n"
    )


def test_a_corpus_that_no_program_may_fetch_is_refused_with_its_address(run):
    assert "http" in error_of(run("corpus", "fetch", "ravdess"), 1)
