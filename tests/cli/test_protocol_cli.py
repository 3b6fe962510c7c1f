"""``serbench protocol``: list, and show with the leak audit."""

import csv
import io
import json
import shutil

import pytest
from refusals import error_of

EMOTIONS = ["sadness", "anger", "disgust", "fear", "happiness", "neutral"]


@pytest.fixture
def tiny(run, make_corpus, tmp_path):
    """The folder of six speakers, scanned as dataset ``tiny``."""
    folder = make_corpus(tmp_path / "tiny")
    assert run("corpus", "scan", folder, "--dataset", "tiny").code == 0
    return folder


def shown(run, *arguments):
    ran = run("protocol", "show", *arguments, "--dataset", "tiny", "--format", "json")
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def test_the_list_names_every_protocol(run):
    lines = [line.split()[0] for line in run("protocol", "list").out.splitlines() if line.strip()]
    assert lines == [
        *("protocol", "speaker-K", "random-K", "corpus", "corpus:NAME", "loso"),
        *("ravdess/emobox-6", "ravdess/luna-5", "emodb/loso", "iemocap/session-5"),
        *("folds:FILE", "random-folds:FILE", "NAME@SEED", "NAME:nested-K"),
        "NAME:holdout",
    ]
    listed = json.loads(run("protocol", "list", "--format", "json").out)
    assert [each["protocol"] for each in listed] == lines[1:]
    assert all(each["rule"] for each in listed)


def test_show_prints_folds_by_emotions_and_then_what_leaks(run, tiny):
    ran = run("protocol", "show", "speaker-2:holdout", "--dataset", "tiny")
    assert ran.code == 0
    assert "36 of 36" in ran.err
    lines = ran.out.splitlines()
    assert lines[0].startswith("speaker-2:holdout#")
    assert " on dataset tiny [" in lines[0]
    assert lines[1].startswith("rule: ")
    assert lines[2].startswith("metric: uar")
    assert lines[4].split() == ["test", "part", *EMOTIONS, "clips", "speakers"]
    assert lines[5].split() == ["holdout", *["1"] * 6, "6", "1"]
    folds = [line.split()[2:] for line in lines[6:8]]
    assert sorted(int(cells[-1]) for cells in folds) == [2, 3]
    assert lines[9].split()[-5:] == [
        "speakers",
        "identical",
        "clips",
        "near-identical",
        "sentences",
    ]
    assert [line.split()[:-3] for line in lines[10:13]] == [
        ["holdout", "0", "0"],
        ["fold", "1", "0", "0"],
        ["fold", "2", "0", "0"],
    ]
    assert lines[10].endswith("100 %")


def test_json_has_the_same_account_with_names(run, tiny):
    account = shown(run, "speaker-2:nested-3")
    assert account["evidence"] == "nested"
    assert account["id"].startswith("speaker-2:nested-3#")
    assert account["emotions"] == EMOTIONS
    tested = [speaker for part in account["outer_folds"] for speaker in part["holdout"]["speakers"]]
    assert sorted(tested) == [f"ravdess/{number:02}" for number in range(1, 7)]
    for part in account["outer_folds"]:
        assert len(part["folds"]) == 2
        for fold in (part["holdout"], *part["folds"]):
            assert fold["clips"] == dict.fromkeys(EMOTIONS, len(fold["speakers"]))
            assert fold["leaks"]["speakers"] == fold["leaks"]["identical"] == []
            assert fold["leaks"]["sentences"] == 1.0


def test_without_a_holdout_only_the_folds_are_shown_and_listed(run, tiny):
    account = shown(run, "speaker-2", "--no-fingerprints")
    assert account["evidence"] == "corrected_cv"
    [part] = account["outer_folds"]
    assert part["holdout"] is None
    tested = [speaker for fold in part["folds"] for speaker in fold["speakers"]]
    assert sorted(tested) == [f"ravdess/{number:02}" for number in range(1, 7)]
    ran = run("protocol", "show", "speaker-2", "--dataset", "tiny", "--no-fingerprints")
    lines = ran.out.splitlines()
    assert [line.split()[:2] for line in lines[5:7]] == [["fold", "1"], ["fold", "2"]]
    assert [line.split()[-2:] for line in lines[5:7]] == [["18", "3"]] * 2
    assert [line.split()[0] for line in lines if line.startswith("holdout")] == []
    clips = csv.DictReader(
        io.StringIO(run("protocol", "clips", "speaker-2", "--dataset", "tiny").out)
    )
    listed = [(line["outer_fold"], line["fold"], line["path"]) for line in clips]
    assert {fold for _, fold, _ in listed} == {"1", "2"}
    assert sorted(path for _, _, path in listed) == sorted(
        path.name for path in tiny.glob("*/*.wav")
    )


def test_a_random_protocol_is_marked_and_the_speakers_it_shares_are_counted(run, tiny):
    ran = run("protocol", "show", "random-2:holdout", "--dataset", "tiny", "--no-fingerprints")
    assert ran.out.splitlines()[0].endswith("(speaker-dependent)")
    assert int(ran.out.splitlines()[10].split()[1]) > 0
    assert "recordings read" not in ran.err
    near = shown(run, "random-2:holdout", "--no-fingerprints")["outer_folds"][0]["holdout"]["leaks"]
    assert near["near_identical"] is near["near_identical_clips"] is None


def test_near_identical_audio_on_both_sides_is_counted_and_named(run, tiny):
    import soundfile

    one, other = (tiny / f"Actor_0{n}" / f"03-01-04-01-01-01-0{n}.wav" for n in (1, 2))
    samples, rate = soundfile.read(one)
    soundfile.write(other, 0.5 * samples, rate, subtype="PCM_16")
    run("corpus", "scan", tiny, "--dataset", "tiny")
    table = tiny.parent / "folds.csv"
    lines = [f"{path},{'holdout' if '_01' in str(path) else 'dev'}" for path in tiny.rglob("*.wav")]
    table.write_text("\n".join(["path,fold", *lines]))
    holdout = shown(run, f"folds:{table}")["outer_folds"][0]["holdout"]
    assert holdout["speakers"] == ["ravdess/01"]
    pairs = holdout["leaks"]["near_identical"]
    assert {"trained": str(other), "tested": str(one)}.items() <= max(
        pairs, key=lambda pair: pair["similarity"]
    ).items()
    assert holdout["leaks"]["near_identical_clips"] == len({pair["tested"] for pair in pairs})
    out = run("protocol", "show", f"folds:{table}", "--dataset", "tiny").out
    assert str(one) in out


def test_identical_audio_of_two_speakers_is_refused_where_they_are_kept_apart(run, tiny):
    one, other = (tiny / f"Actor_0{n}" / f"03-01-04-01-01-01-0{n}.wav" for n in (1, 2))
    shutil.copy(one, other)
    run("corpus", "scan", tiny, "--dataset", "tiny")
    table = tiny.parent / "folds.csv"
    lines = [f"{path},{path.parent.name[-1]}" for path in tiny.rglob("*.wav")]
    table.write_text("\n".join(["path,fold", *lines]))
    ran = run("protocol", "show", f"folds:{table}", "--dataset", "tiny")
    error_of(ran, 1)
    assert run("protocol", "show", f"random-folds:{table}", "--dataset", "tiny").code == 0


def test_an_identifier_is_shown_on_its_dataset_and_refused_on_another(run, tiny):
    identifier = shown(run, "loso")["id"]
    assert shown(run, identifier)["id"] == identifier
    run("corpus", "scan", tiny, "--dataset", "tiny", "--emotions", "anger,fear")
    ran = run("protocol", "show", identifier, "--dataset", "tiny")
    assert identifier in error_of(ran, 2)


def test_a_published_protocol_is_refused_with_the_speakers_that_are_missing(run, tiny):
    ran = run("protocol", "show", "ravdess/emobox-6", "--dataset", "tiny")
    assert "07, 08, 09, 10," in error_of(ran, 1)


@pytest.mark.parametrize(
    ("identifier", "named"), [("speeker-5", "speaker-5"), ("folds:nowhere.csv", "nowhere.csv")]
)
def test_a_protocol_that_is_not_there_is_a_usage_error(run, tiny, identifier, named):
    assert named in error_of(run("protocol", "show", identifier, "--dataset", "tiny"), 2)


def test_both_tables_fit_eighty_columns(terminal, run, tiny):
    for name in ("speaker-2", "speaker-2:holdout", "speaker-2:nested-2"):
        out = terminal(80, "protocol", "show", name, "--dataset", "tiny", "--no-fingerprints")
        tables = [line for line in out.splitlines() if not line.startswith(("rule", "metric"))]
        assert max(len(line) for line in tables) <= 80
    assert max(len(line) for line in terminal(80, "protocol", "list").splitlines()) <= 80


def test_many_emotions_fit_eighty_columns_by_their_first_letters(terminal, run, tiny):
    for label in ("02", "08"):
        for sound in list(tiny.rglob("03-01-04-*.wav")):
            changed = bytearray(sound.read_bytes())
            changed[-2] ^= int(label)
            sound.with_name(sound.name.replace("-04-", f"-{label}-")).write_bytes(changed)
    run("corpus", "scan", tiny, "--dataset", "tiny", "--emotions", "all")
    out = terminal(80, "protocol", "show", "speaker-2", "--dataset", "tiny", "--no-fingerprints")
    header = next(line for line in out.splitlines() if line.startswith("test part"))
    assert header.split()[2:10] == ["sadn", "ange", "disg", "fear", "happ", "neut", "calm", "surp"]
    assert len(header) <= 80


def test_every_clip_that_is_tested_is_listed(run, tiny):
    ran = run("protocol", "clips", "speaker-2:nested-3", "--dataset", "tiny")
    lines = list(csv.DictReader(io.StringIO(ran.out)))
    holdouts = [line["path"] for line in lines if line["fold"] == "holdout"]
    assert sorted(holdouts) == sorted(set(holdouts))
    assert sorted(holdouts) == sorted(path.name for path in tiny.glob("*/*.wav"))
    assert {(line["outer_fold"], line["fold"]) for line in lines} == {
        (number, fold) for number in "123" for fold in ("holdout", "1", "2")
    }
