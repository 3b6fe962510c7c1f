"""Plugins are loaded from installed packages only, and on demand only the built-in ones."""

import json
import os
import subprocess
import sys

import pytest
from made_plugins import brings, source

from serbench.plugin_choice import NO_PLUGINS_VARIABLE, built_in_only, installed_folders
from serbench.plugins import BUILT_IN, Plugins, installed_plugins

OURS = source("ours", brings("net"), package=BUILT_IN)
OTHER = source("other", brings("other-net"))


@pytest.mark.parametrize(("value", "left_out"), [("", False), ("0", False), ("1", True)])
def test_the_variable_leaves_out_the_plugins_of_other_packages(monkeypatch, value, left_out):
    monkeypatch.setenv(NO_PLUGINS_VARIABLE, value)
    plugins = Plugins([OURS, OTHER], frozenset())
    assert built_in_only() is left_out
    assert plugins.left_out == ([OTHER] if left_out else [])
    assert list(plugins.declared) == (["ours"] if left_out else ["other", "ours"])
    assert ("other-net" in plugins.backbones) is not left_out


def test_another_package_with_the_name_of_a_built_in_plugin_is_left_out(monkeypatch):
    monkeypatch.setenv(NO_PLUGINS_VARIABLE, "1")
    same = source("ours", brings("stranger"), package="stranger")
    assert [thing.name for thing in Plugins([OURS, same], frozenset()).backbones] == ["net"]


def test_the_option_holds_for_one_command_and_the_processes_that_it_starts(run, monkeypatch):
    monkeypatch.delenv(NO_PLUGINS_VARIABLE, raising=False)
    seen = []
    monkeypatch.setattr("serbench.cli.plugins.emit_json", lambda _: seen.append(dict(os.environ)))
    assert run("plugins", "list", "--no-plugins", "--format", "json").code == 0
    assert run("--no-plugins", "plugins", "list", "--format", "json").code == 0
    assert run("plugins", "list", "--format", "json").code == 0
    assert [each.get(NO_PLUGINS_VARIABLE, "0") for each in seen] == ["1", "1", "0"]


def test_the_plugins_that_are_left_out_are_listed(run):
    strangers = [each.name for each in installed_plugins() if each.package != BUILT_IN]
    found = json.loads(run("plugins", "list", "--no-plugins", "--format", "json").out)
    assert found["left_out"] == strangers
    assert {each["package"] for each in found["registered"]} == {BUILT_IN}


def test_a_package_in_the_current_folder_is_not_installed(tmp_path):
    """``python -m`` puts the current folder on the path, and with it whatever was put there."""
    written = tmp_path / "stranger-1.0.dist-info"
    written.mkdir()
    (written / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (written / "entry_points.txt").write_text("[serbench]\nstranger = stranger\n")
    (tmp_path / "stranger.py").write_text("raise SystemExit('it was executed')")
    code = (
        "import importlib.metadata, serbench.plugins as plugins\n"
        "print(len(importlib.metadata.distribution('stranger').entry_points))\n"
        "print('stranger' in [each.name for each in plugins.installed_plugins()])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "False"]


def test_the_current_folder_may_have_been_deleted(monkeypatch, tmp_path):
    monkeypatch.setattr("pathlib.Path.cwd", lambda: (_ for _ in ()).throw(FileNotFoundError()))
    assert installed_folders() == [each for each in sys.path if each]
