"""Commands and snippets that pages show, run as they stand there."""

import ast
import re
import shlex
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from making.entries import add_entry
from making.records import utterance

from serbench.data.emotions import SHARED_EMOTIONS
from serbench.data.manifest import make_manifest
from serbench.data.traits import traits_of
from serbench.store.database import Database

pytestmark = pytest.mark.usefixtures("without_timm")

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page, language):
    text = page.read_text(encoding="utf-8")
    return [block for found, block in FENCE.findall(text) if found == language]


def shown_commands(page):
    """The serbench commands in the console blocks of a page."""
    for block in blocks(page, "console"):
        for line in block.replace("\\\n>", " ").splitlines():
            if line.startswith("$ serbench "):
                yield tuple(shlex.split(line.removeprefix("$ serbench ")))


@pytest.fixture(scope="module")
def filled(made, tmp_path_factory):
    """Three entries on a dataset that knows sex and intensity."""
    manifest = make_manifest(
        "mine",
        [
            replace(
                utterance(speaker, emotion, "/here", take),
                sex="male" if speaker % 2 else "female",
                path=f"/here/03-01-05-0{1 + take}-01-01-{speaker:02}.wav",
            )
            for speaker in range(1, 11)
            for emotion in SHARED_EMOTIONS
            for take in range(2)
        ],
    )
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('shown') / 'serbench.db'}")
    for seed, skill in enumerate((2.0, 1.0, 0.2)):
        add_entry(database, made, manifest, skill, seed, "speaker-5", order=range(5))
    yield database
    database.engine.dispose()


PAPER_TABLE = ROOT / "docs" / "how-to" / "paper-table.md"


def test_every_command_for_papers_does_what_its_page_states(run, filled, tmp_path, monkeypatch):
    monkeypatch.setenv("SERBENCH_DB", filled.url.removeprefix("sqlite:///"))
    commands = list(shown_commands(PAPER_TABLE))
    assert len(commands) == 9
    for command in commands:
        ran = run(*command, "--db", filled.url.removeprefix("sqlite:///"))
        assert ran.code == 0, (command, ran.err)
    written = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert {f"results.{ending}" for ending in ("tex", "md", "csv")} <= written
    assert {"ranks.pdf", "ranks.svg", "groups.tex"} <= written
    assert (tmp_path / "figures" / "report.md").is_file()


def test_the_corpus_that_a_page_declares_recognises_its_recordings():
    page = (ROOT / "docs" / "how-to" / "own-corpus.md").read_text(encoding="utf-8")
    [source] = re.findall(r"<!-- own corpus -->\n```python\n(.*?)```", page, re.DOTALL)
    names = {}
    exec(compile(source, "own-corpus.md", "exec"), names)  # the page's own snippet
    corpus = names["CORPUS"]
    files = [Path(f"/a/an-0{speaker}-joy-{level}-7.wav") for speaker in (1, 7) for level in (1, 2)]
    found = list(corpus.recognise(files))
    assert [(each.speaker, each.emotion, each.sex) for each in found] == [
        *[("01", "happiness", "female")] * 2,
        *[("07", "happiness", "male")] * 2,
    ]
    clip = replace(utterance(1, "happiness", "/a", 0), corpus="anecdotes", path=str(files[1]))
    traits = traits_of(clip, {"anecdotes": corpus})
    assert (traits["language"], traits["intensity"]) == ("English", "strong")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_snippets_are_valid_in_their_language(page):
    for block in blocks(page, "toml"):
        tomllib.loads(block)
    for block in blocks(page, "python"):
        ast.parse(block)
