"""``serbench plugins``: registered names and their plugins."""

import json

import pytest
from error_facts import words_in

from serbench import __version__


def listed(run):
    return json.loads(run("plugins", "list", "--format", "json").out)


def test_every_kind_is_listed_with_its_plugin(run):
    lines = run("plugins", "list").out.splitlines()
    assert lines[0].split() == ["kind", "name", "plugin", "(package)"]
    for kind, name, plugin in [
        ("corpus", "ravdess", "ravdess"),
        ("front end", "logmel", "mel"),
        ("augmentation", "time-mask", "masking"),
        ("backbone", "homebrew", "homebrew"),
        ("scheduler", "one-cycle", "schedules"),
    ]:
        expected = [*kind.split(), name, plugin, "(serbench", f"{__version__})"]
        assert expected in [line.split() for line in lines]


def test_thousands_of_names_are_one_row(run):
    out = run("plugins", "list").out
    assert len(out.splitlines()) < 60
    assert "--all" in out
    assert "mobilenetv3_large_100" not in out


def test_all_of_them_are_listed_when_asked(run, monkeypatch):
    monkeypatch.setenv("SERBENCH_DISABLE_PLUGINS", "timm")
    monkeypatch.setattr("serbench.cli.plugins.MANY", 1)
    [row] = [
        line for line in run("plugins", "list").out.splitlines() if "2 names, such as mel " in line
    ]
    assert words_in(row) >= {"mel", "--all"}
    lines = [line.split()[:4] for line in run("plugins", "list", "--all").out.splitlines()]
    assert ["front", "end", "mel", "mel"] in lines
    assert ["front", "end", "logmel", "mel"] in lines


def test_json_holds_every_name_with_its_source(run):
    registered = listed(run)["registered"]
    assert {
        "kind": "backbone",
        "name": "homebrew",
        "plugin": "homebrew",
        "package": "serbench",
        "version": __version__,
    } in registered
    assert len(registered) > 1000


def test_a_disabled_plugin_is_named_and_registers_nothing(run, monkeypatch):
    monkeypatch.setenv("SERBENCH_DISABLE_PLUGINS", "masking,timm")
    data = listed(run)
    assert data["disabled"] == ["masking", "timm"]
    assert "time-mask" not in {thing["name"] for thing in data["registered"]}
    lines = run("plugins", "list").out.splitlines()
    told = [words_in(line) for line in lines if line.startswith("disabled: ")]
    assert len(told) == 2
    for words, name in zip(told, ("masking", "timm"), strict=True):
        assert words >= {name, "SERBENCH_DISABLE_PLUGINS"}


@pytest.fixture
def _broken_plugin(tmp_path, monkeypatch):
    """An installed package whose plugin cannot be imported."""
    package = tmp_path / "site-packages" / "strange-7.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: strange\nVersion: 7.0\n")
    (package / "entry_points.txt").write_text("[serbench]\nbroken = serbench_no_such_module\n")
    monkeypatch.syspath_prepend(package.parent)


@pytest.mark.usefixtures("_broken_plugin")
def test_a_broken_plugin_is_listed_with_its_reason_and_stops_nothing(run):
    ran = run("plugins", "list")
    assert ran.code == 0
    [line] = [line for line in ran.out.splitlines() if line.startswith("failed: ")]
    expected = {"broken", "strange", "ModuleNotFoundError", "serbench_no_such_module"}
    assert words_in(line) >= expected
    assert "homebrew" in ran.out
    [failure] = listed(run)["failed"]
    assert failure["plugin"] == "broken"


def test_on_eighty_columns_every_name_is_whole(terminal):
    shown = terminal(80, "plugins", "list")
    lines = shown.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert any(line.split()[:2] == ["augmentation", "frequency-mask"] for line in lines)
    whole = set(shown.replace("(", " ").replace(")", " ").split())
    registered = json.loads(terminal(80, "plugins", "list", "--format", "json"))["registered"]
    assert {each["package"] for each in registered} <= whole
    assert {each["plugin"] for each in registered} <= whole
