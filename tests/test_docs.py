"""Pages: their links resolve, their commands exist, and those made from the code are current."""

import importlib.util
import re
import shlex
import sys
from pathlib import Path

import click
import numpy as np
import pytest

from serbench.cli.main import cli

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
        ROOT / "leaderboard" / "README.md",
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "plugins").glob("*/README.md"),
    ]
)
SHOWN = [page for page in PAGES if page.name != "CHANGELOG.md"]

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FIELD = re.compile(r"`(serbench(?: [^`]+)?)`")
PLACEHOLDER = re.compile(r"[A-Z…\\/]")
CHAINED = ("&&", "|", ">", ";")


def name_of(page):
    return str(page.relative_to(ROOT))


def generator():
    spec = importlib.util.spec_from_file_location("serbench_docs", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def prose(page):
    """A page without its blocks of code."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page):
    """The anchors that GitHub gives the headings of a page."""
    found = set()
    for heading in re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        anchor = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        number = 0
        while (numbered := anchor if number == 0 else f"{anchor}-{number}") in found:
            number += 1
        found.add(numbered)
    return found


def broken_links(page):
    """The links of a page that lead nowhere in this repository."""
    broken = []
    for link in LINK.findall(prose(page)):
        if re.match(r"https?:|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        known = target.exists() and (not anchor or anchor in anchors(target))
        if not known:
            broken.append(link)
    return broken


def command_lines(text):
    """Every ``serbench`` command of a page, split: (words, whether it stands in a block)."""
    for language, block in FENCE.findall(text):
        if language == "console":
            for line in re.sub(r"\\\n>?", " ", block).splitlines():
                yield from _commands(line.removeprefix("$ "), True)
    for line in FIELD.findall(FENCE.sub("", text)):
        yield from _commands(line, False)


def _commands(line, whole):
    words = shlex.split(line, comments=True)
    while words:
        part = words
        for place, word in enumerate(words):
            if word.startswith(CHAINED) or word.endswith(";"):
                part = words[: place + word.endswith(";")]
                break
        words = words[len(part) + 1 :] if len(part) < len(words) else []
        while part and "=" in part[0]:
            part = part[1:]
        if part and part[0] == "serbench":
            yield [word.rstrip(";") for word in part[1:]], whole


def check_command(words, whole):
    """Raise a ``click.UsageError`` where the application does not take this command."""
    command, context = cli, click.Context(cli, info_name="serbench")
    while isinstance(command, click.Group):
        if hasattr(command, "completed"):  # a command that need not be named
            words = command.completed(words)
        _, words, _ = command.make_parser(context).parse_args(list(words))
        below = command.get_command(context, words[0]) if words else None
        if not words:
            return
        if below is None:
            raise click.NoSuchOption(words[0])
        context = click.Context(below, info_name=words[0], parent=context)
        command, words = below, words[1:]
    values, rest, _ = command.make_parser(context).parse_args(list(words))
    if rest:
        raise click.UsageError(f"too many arguments: {rest}")
    for parameter in command.params:
        given = values.get(parameter.name)
        listed = given if isinstance(given, list | tuple) else (given,)
        for value in (each for each in listed if isinstance(each, str)):
            if not PLACEHOLDER.search(value) and not isinstance(parameter.type, click.Path):
                parameter.type.convert(value, parameter, context)
        absent = not isinstance(given, str | list | tuple) or not given
        if whole and parameter.required and absent:
            raise click.MissingParameter(ctx=context, param=parameter)


def wrong_commands(text):
    """The commands of a page that the application does not take, with the reason."""
    wrong = []
    for words, whole in command_lines(text):
        try:
            check_command(words, whole)
        except click.UsageError as error:
            wrong.append(f"serbench {' '.join(words)}: {error.format_message()}")
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_and_anchor_of_a_page_resolves(page):
    assert broken_links(page) == []


@pytest.mark.parametrize("page", SHOWN, ids=name_of)
def test_every_command_of_a_page_exists(page):
    assert wrong_commands(page.read_text(encoding="utf-8")) == []


def test_every_page_under_docs_is_reached_from_its_index():
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    linked = {(ROOT / "docs" / link).resolve() for link in LINK.findall(index)}
    assert set((ROOT / "docs").rglob("*.md")) - {ROOT / "docs" / "README.md"} <= linked


def test_pages_that_code_names_exist():
    named = set()
    for folder in ("serbench", "tests", "benchmarks", "plugins"):
        for file in (ROOT / folder).rglob("*.py"):
            named |= set(re.findall(r"\bdocs/[\w/-]+\.(?:md|py|ipynb)\b", file.read_text("utf-8")))
    assert "docs/explanation/statistics.md" in named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_pages_made_from_the_code_are_current():
    for path, text in generator().pages().items():
        assert path.read_text(encoding="utf-8") == text, f"run `make docs`: {name_of(path)} is old"


def test_every_function_that_python_examples_call_exists():
    import serbench

    page = (ROOT / "docs" / "how-to" / "notebook.md").read_text(encoding="utf-8")
    blocks = [block for language, block in FENCE.findall(page) if language == "python"]
    called = set(re.findall(r"\bserbench\.(\w+)\(", "\n".join(blocks)))
    assert {name for name in called if not hasattr(serbench, name)} == set()
    methods = set(re.findall(r"^\| (`.*?) \|", page, re.MULTILINE))
    named = set(re.findall(r"`(\w+)\(", " ".join(methods)))
    assert named
    assert {name for name in named if not hasattr(serbench.Results, name)} == set()


def test_every_key_of_an_entry_is_on_its_page():
    made = generator()
    from serbench.views.calibration import calibration_view
    from serbench.views.entry import IDENTITY, PLAIN

    page, _, calibration = made.leaderboard_keys().partition("\n## Calibration\n")
    documented = set(re.findall(r"^\| `(\w+)`", page, re.MULTILINE))
    assert {*PLAIN, *IDENTITY, *made.SCORES} == documented
    logits, targets = np.eye(4), np.arange(4)
    keys = calibration_view(logits, targets, np.array(["a", "a", "b", "b"])).as_dict()
    assert keys.keys() == set(re.findall(r"^\| `(\w+)`", calibration, re.MULTILINE))
    points = set(re.findall(r"`rejection\[\]\.(\w+)`", calibration))
    assert points == keys["rejection"][0].keys()


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("`serbench study run --backbone homebrew`", 0),
        ("`serbench study walk`", 1),
        ("`serbench study run --backbones homebrew`", 1),
        ("```console\n$ A=1 serbench leaderboard show 1 && serbench nothing\n```", 1),
        ("```console\n$ serbench leaderboard show\n```", 1),
        ("```console\n$ serbench leaderboard show 1 \\\n>   --format xml\n```", 1),
        ("```console\n$ serbench study run --trials many\n```", 1),
        ("```console\n$ serbench leaderboard compare A B | head\n```", 0),
    ],
)
def test_a_command_that_does_not_exist_is_found(text, count):
    assert len(wrong_commands(text)) == count


def test_a_link_that_leads_nowhere_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# One `two`: three\n[a](#one-two-three) [b](#four) [c](other.md) [d](page.md)")
    assert broken_links(page) == ["#four", "other.md"]
