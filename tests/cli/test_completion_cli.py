"""``serbench completion``: scripts, and the completions that they ask for."""

import pytest


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_asks_serbench_for_completions(run, shell):
    ran = run("completion", shell)
    assert ran.code == 0
    assert f"_SERBENCH_COMPLETE={shell}_complete" in ran.out
    assert f"serbench completion {shell}" in ran.err


@pytest.fixture
def completed(run, finished, monkeypatch):
    """``completed("study show")`` gives the completions of the next word."""

    def complete(typed, begun=""):
        monkeypatch.setenv("_SERBENCH_COMPLETE", "bash_complete")
        monkeypatch.setenv("SERBENCH_DB", str(finished.db))
        monkeypatch.setenv("COMP_WORDS", f"serbench {typed} {begun}".rstrip())
        monkeypatch.setenv("COMP_CWORD", str(len(typed.split()) + 1))
        ran = run()
        assert (ran.code, ran.err) == (0, "")
        return [line.partition(",")[2] for line in ran.out.splitlines() if line]

    return complete


@pytest.mark.parametrize(
    ("typed", "begun", "expected"),
    [
        ("", "lead", ["leaderboard"]),
        ("study show", "", ["1"]),
        ("leaderboard show", "", ["1"]),
        ("corpus show", "t", ["tiny"]),
        ("study run --dataset", "", ["tiny"]),
        ("study run --head", "log", ["logistic"]),
        ("latency measure --runtime", "onnx-", ["onnx-int8"]),
        ("study watch", "--on", ["--once"]),
        ("predict", "1", ["1", "1"]),  # an entry, or a file whose name begins with 1
    ],
)
def test_commands_options_numbers_and_names_are_completed(completed, typed, begun, expected):
    assert completed(typed, begun) == expected


def test_without_a_database_nothing_is_completed(completed, finished, monkeypatch, tmp_path):
    assert completed(f"study show --db {tmp_path / 'none.db'}") == []
