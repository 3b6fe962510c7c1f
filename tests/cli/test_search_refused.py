"""Searches that are refused before anything is trained."""

import pytest

BAD = {
    "no folder": (("nowhere",), "nowhere"),
    "other form of weights": (("tiny", "--weights", "homebrew"), "--weights homebrew"),
    "no weights file": (("tiny", "--weights", "homebrew=none.pt"), "none.pt"),
    "weights of no candidate": (("tiny", "--weights", "homebre=none"), "homebrew"),
    "unknown backbone": (("tiny", "--backbone", "homebre"), "homebrew"),
    "too many folds": (("tiny", "--protocol", "speaker-7"), "6 speakers"),
    "several searches": (("tiny", "--protocol", "speaker-2:nested-2"), "study run"),
    "two protocols": (
        ("tiny", "--protocol", "speaker-2", "--protocol", "speaker-3"),
        "--protocol once",
    ),
}


@pytest.mark.parametrize(("options", "named"), BAD.values(), ids=BAD)
def test_bad_input_is_one_sentence(run, scanned, options, named):
    ran = run("search", *options)
    assert ran.code in (1, 2)
    assert ran.out == ""
    line = ran.err.splitlines()[-1]
    assert line.startswith("error: ")
    assert named in line


@pytest.mark.parametrize(("speakers", "named"), [(1, "1 speaker"), (2, "2 speakers")])
def test_too_few_speakers_are_refused_before_anything_is_trained(
    run, tmp_path, make_corpus, untrained, speakers, named
):
    corpus = make_corpus(tmp_path / "few", speakers=speakers)
    ran = run("search", corpus, "--backbone", "homebrew")
    assert ran.code == 1
    assert named in ran.err.splitlines()[-1]


def test_a_class_with_one_clip_is_refused(run, tmp_path, make_corpus, untrained):
    corpus = make_corpus(tmp_path / "rare")
    for path in sorted(corpus.rglob("03-01-05-*"))[1:]:
        path.unlink()
    ran = run("search", corpus, "--backbone", "homebrew")
    assert ran.code == 1
    assert "'anger'" in ran.err.splitlines()[-1]
