"""``serbench plot`` and ``serbench corpus samples``."""

import json

import pytest
from refusals import error_of


def test_pictures_of_everything_are_written_and_named(run, finished, tmp_path):
    for command, file in (
        (("front", "--dataset", "tiny", "--runtime", "eager"), "front.svg"),
        (("study", 1), "study.svg"),
        (("entry", 1, "--theme", "dark"), "entry.png"),
        (("entry", 1, "--chart", "confusion", "--chart", "curves"), "some.svg"),
        (("corpus", "tiny"), "corpus.html"),
    ):
        ran = run("plot", *command, "--out", file, "--db", finished.db)
        assert (ran.code, ran.out) == (0, f"{file}\n"), ran.err
        assert (tmp_path / file).stat().st_size > 1000
    assert "speaker-2:holdout" in (tmp_path / "front.svg").read_text()


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("front", "--out", "a.gif"), 2),
        (("front", "--out", "a.png", "--dataset", "none"), 2),
        (("front", "--out", "a.png", "--threads", "99"), 2),
        (("entry", "99", "--out", "a.png"), 2),
        (("study", "99", "--out", "a.png"), 2),
        (("corpus", "none", "--out", "a.png"), 2),
        (("study", "1", "--out", "a.png", "--chart", "importance"), 2),
    ],
    ids=str,
)
def test_what_cannot_be_drawn_is_one_sentence(run, finished, command, code, tmp_path):
    error_of(run("plot", *command, "--db", finished.db), code)
    assert not (tmp_path / "a.png").exists()


def test_clips_are_listed_and_a_page_is_written(run, finished, tmp_path):
    arguments = ("corpus", "samples", "tiny", "--emotion", "fear", "--count", 2)
    ran = run(*arguments, "--page", "fear.html", "--db", finished.db)
    assert ran.code == 0, ran.err
    assert ran.out.endswith("fear.html\n")
    assert (tmp_path / "fear.html").read_text().count("<audio") == 2
    plain = json.loads(run(*arguments, "--format", "json", "--db", finished.db).out)
    assert [each["emotion"] for each in plain] == ["fear", "fear"]
    error_of(run("corpus", "samples", "tiny", "--emotion", "boredom", "--db", finished.db), 2)
