"""A short run of the fuzzer of audio files; ``tests/fuzz/audio.py`` runs it at length."""

from audio_mutations import mutated_files
from fuzz import audio

PATIENT = 60.0
"""A long time limit, so that a busy machine is not a finding."""


def test_mutated_files_are_read_or_refused(tmp_path):
    account = audio.run(60, 1, tmp_path, PATIENT)
    assert account.wrong == []
    assert account.outcomes["read: read"] > 10
    assert account.outcomes["scan: accounted for"] == account.outcomes["predict: answered"] == 3


def test_an_account_counts_what_is_wrong():
    account = audio.Account()
    for answer in (
        {"wrong": "ended with -11"},
        {"outcome": "read", "seconds": audio.SECONDS + 1, "megabytes": 1},
        {"outcome": "read", "seconds": 1, "megabytes": audio.MEGABYTES + 1},
        {"outcome": "read", "seconds": 1, "megabytes": 1},
    ):
        account.add("read", "a file", answer)
    assert len(account.wrong) == 3


def test_the_same_seed_gives_the_same_files():
    # libsndfile writes the time and random numbers to some files, so that bytes may differ.
    first, again, other = (
        [(ending, what, len(content)) for ending, what, content in mutated_files(30, seed)]
        for seed in (1, 1, 2)
    )
    assert first == again != other


def test_a_child_that_dies_is_a_finding_and_the_next_file_is_processed(tmp_path):
    worker = audio.Worker(tmp_path / "errors.txt", PATIENT)
    try:
        assert "ended with" in worker.ask("no such task", tmp_path / "a.wav")["wrong"]
        assert worker.ask("read", tmp_path / "a.wav")["outcome"] == "missing"
    finally:
        worker.stop()
