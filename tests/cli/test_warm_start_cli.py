"""Studies that begin from a network trained here: never tested on what that was trained on."""

import json
import shutil
from pathlib import Path

import pytest
from refusals import error_of

SMALL = ("--trials", "1", "--epochs", "1", "--batch-size", "8")
STUDY = ("study", "run", "--backbone", "homebrew", *SMALL)
EVERYBODY = {f"ravdess/{actor:02}" for actor in range(1, 7)}


@pytest.fixture
def halves(run, quick, tiny_corpus):
    """Datasets ``first`` and ``second`` of other speakers, and entry 1, trained on ``first``."""
    actors = sorted(tiny_corpus.iterdir())
    for name, chosen in (("first", actors[:3]), ("second", actors[3:])):
        assert run("corpus", "scan", *chosen, "--dataset", name).code == 0
    assert run(*STUDY, "--dataset", "first", "--protocol", "speaker-2:holdout").code == 0
    return run


@pytest.fixture
def warm(run, scanned, quick):
    """``warm(...)`` begins from entry 1, which was trained under ``speaker-2:holdout``."""
    assert run(*STUDY, "--protocol", "speaker-2:holdout").code == 0

    def begin(*options, weights="entry:1"):
        return run(*STUDY, "--weights", weights, *options)

    return begin


def ranked(run):
    return json.loads(run("leaderboard", "--format", "json").out)


def own_weights(tmp_path):
    """The file of entry 1."""
    [path] = [
        path
        for path in (tmp_path / "serbench-artifacts").glob("*.safetensors")
        if "fold" not in path.name
    ]
    return path


def test_a_network_may_begin_from_one_that_was_trained_on_other_speakers(halves):
    ran = halves(
        *STUDY, "--dataset", "second", "--protocol", "speaker-2:holdout", "--weights", "entry:1"
    )
    assert ran.code == 0, ran.err
    warm = next(row for row in ranked(halves) if row["entry"] == 2)
    assert warm["weights"].startswith("file:")
    assert warm["known_speakers"] == []


def test_with_fewer_emotions_too(halves, tiny_corpus):
    actors = sorted(tiny_corpus.iterdir())[3:]
    two = ("--dataset", "two", "--emotions", "anger,sadness")
    assert halves("corpus", "scan", *actors, *two).code == 0
    ran = halves(
        *STUDY, "--dataset", "two", "--protocol", "speaker-2:holdout", "--weights", "entry:1"
    )
    assert ran.code == 0, ran.err
    shown = json.loads(halves("study", "show", "2", "--format", "json").out)
    assert "without-head" in shown["entry"]["weights"]


@pytest.mark.parametrize(
    "protocol", ["speaker-2:holdout", "speaker-2@1", "speaker-2:nested-2", "random-2:holdout"]
)
def test_speakers_that_the_weights_were_trained_on_are_refused_and_named(warm, run, protocol):
    sentence = error_of(warm("--protocol", protocol), 1)
    named = {speaker for speaker in EVERYBODY if speaker in sentence}
    holdout = json.loads(run("leaderboard", "show", 1, "--format", "json").out)["by_speaker"]
    assert named == EVERYBODY - {each["name"] for each in holdout}
    assert "--allow-known-speakers" in sentence
    assert [row["entry"] for row in ranked(run)] == [1]


def test_so_is_a_copy_of_the_file(warm, tmp_path):
    copy = tmp_path / "copy.safetensors"
    shutil.copy(own_weights(tmp_path), copy)
    assert "ravdess/" in error_of(warm("--protocol", "speaker-2@1", weights=copy), 1)


def test_so_are_the_speakers_of_an_entry_that_was_deleted(warm, run, tmp_path):
    copy = tmp_path / "copy.safetensors"
    shutil.copy(own_weights(tmp_path), copy)
    assert run("leaderboard", "delete", 1, "--yes").code == 0
    assert "ravdess/" in error_of(warm("--protocol", "speaker-2@1", weights=copy), 1)


def test_so_is_what_the_parents_parent_was_trained_on(halves, tiny_corpus):
    second = ("--dataset", "second", "--protocol", "speaker-2:holdout", "--weights", "entry:1")
    assert halves(*STUDY, *second).code == 0
    ran = halves(*STUDY, "--dataset", "first", "--protocol", "speaker-2@1", "--weights", "entry:2")
    assert "ravdess/0" in error_of(ran, 1)


def test_so_is_the_same_audio_under_another_name(warm, run, tiny_corpus, tmp_path):
    """One shared recording makes one person of two names, with all that both recorded."""
    table = ["path,emotion,speaker"]
    for number, path in enumerate(sorted(tiny_corpus.rglob("*.wav"))):
        actor, emotion = int(path.parent.name[-2:]), number % 6
        table.append(f"{path.name},{('sadness', 'anger')[emotion % 2]},person-{actor}")
        target = tmp_path / "renamed" / path.name
        target.parent.mkdir(exist_ok=True)
        shutil.copy(path, target)
    renamed = tmp_path / "renamed"
    (renamed / "clips.csv").write_text("\n".join(table))
    assert run("corpus", "scan", renamed, "--dataset", "renamed", "--corpus", "csv").code == 0
    ran = warm("--dataset", "renamed", "--protocol", "speaker-2:holdout")
    assert "person-" in error_of(ran, 1)


def test_allowed_it_runs_is_marked_and_is_ranked_apart(warm, run):
    ran = warm("--protocol", "speaker-2:holdout", "--allow-known-speakers")
    assert ran.code == 0, ran.err
    cold, known = sorted(ranked(run), key=lambda row: row["entry"])
    assert cold["known_speakers"] == []
    assert set(known["known_speakers"]) < EVERYBODY
    assert known["protocol_id"] == cold["protocol_id"]
    assert (cold["rank"], known["rank"]) == (1, 1)
    tables = run("leaderboard").out
    assert tables.count(cold["protocol_id"]) == 2, "each has a table of its own"
    shown = run("leaderboard", "show", 2).out
    assert all(speaker in shown for speaker in known["known_speakers"])


def test_evaluate_leaves_out_the_training_speakers_of_all_ancestors(halves, run, tiny_corpus):
    second = ("--dataset", "second", "--protocol", "speaker-2:holdout", "--weights", "entry:1")
    assert halves(*STUDY, *second).code == 0
    assert halves("corpus", "scan", tiny_corpus, "--dataset", "all").code == 0
    ran = halves("evaluate", 2, "--dataset", "all", "--format", "json")
    found = json.loads(ran.out)
    assert found["speakers"] == 2, "the holdout of each of the two studies"


def test_weights_from_a_corpus_that_is_tested_are_refused(run, scanned, quick, monkeypatch):
    from serbench.builtin.homebrew import Homebrew

    monkeypatch.setattr(Homebrew, "published_on", ("ravdess",))
    ran = run(*STUDY, "--protocol", "speaker-2:holdout")
    assert all(speaker in error_of(ran, 1) for speaker in EVERYBODY)
    assert run(*STUDY, "--protocol", "speaker-2:holdout", "--allow-known-speakers").code == 0
    [row] = ranked(run)
    assert row["pretrained_on"] == ["ravdess"]
    assert set(row["known_speakers"]) == EVERYBODY


def test_weights_of_unknown_origin_are_called_so(warm, run, tmp_path):
    import safetensors.torch

    from serbench.plugins import Plugins

    path = Path(tmp_path, "elsewhere.safetensors")
    state = Plugins().backbones.get("homebrew").build("none").module.state_dict()
    safetensors.torch.save_file(state, path)
    assert warm("--protocol", "speaker-2:holdout", weights=path).code == 0
    rows = {row["entry"]: row["pretrained_on"] for row in ranked(run)}
    assert rows == {1: [], 2: None}
    assert "unknown" in run("leaderboard", "show", 2).out


def test_lines_and_tables_of_a_fitted_head_have_no_empty_parts(warm, run):
    options = ("--head", "logistic", "--allow-known-speakers")
    ran = warm("--protocol", "speaker-2:holdout", *options)
    assert ran.code == 0, ran.err
    assert "homebrew · mel · logistic · speaker-2:holdout on " in ran.err
    [new] = [line for line in ran.err.splitlines() if "new study" in line]
    assert "head logistic instead of linear" in new
    assert "schedule" not in new
    assert (
        run("study", "show", "2")
        .out.split(" on ")[0]
        .endswith("homebrew, mel, logistic, speaker-2:holdout")
    )
    listed = [line.split()[1:5] for line in run("study", "list").out.splitlines()[1:]]
    assert listed[0] == ["homebrew", "mel", "linear", "half-cycle"]
    assert listed[1][:3] == ["homebrew", "mel", "logistic"]
    [fitted] = [row for row in ranked(run) if row["entry"] == 2]
    assert [fitted[name] for name in ("schedule", "objective", "augmentations")] == ["", "", ""]
    assert (fitted["epochs"], fitted["batch_size"]) == (None, None)
    trained, ranked_apart = run("leaderboard").out.split("\n\n")[:2]
    assert "schedule" in trained
    assert "schedule" not in ranked_apart
