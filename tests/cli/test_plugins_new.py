"""``serbench plugins new``: what it writes works as it is."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest
from error_facts import words_in
from refusals import error_of

from serbench.cli.plugin_writing import KINDS, plugin_name
from serbench.errors import UsageError
from serbench.plugins import Plugins, PluginSource
from serbench.testing import verdicts

pytestmark = pytest.mark.usefixtures("without_timm")


def loaded(path, monkeypatch):
    """A module from its file, known by its name as an installed one is."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, path.stem, module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_keeps_its_contract_unedited(kind, run, tmp_path, monkeypatch):
    ran = run("plugins", "new", "my thing", "--kind", kind, "--out", tmp_path / "made")
    assert ran.code == 0, ran.err
    home = tmp_path / "made" / "serbench-my-thing"
    assert f"next: pip install -e {home}" in ran.err
    files = {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()}
    test = "tests/test_serbench_my_thing.py"
    assert files == {"pyproject.toml", "README.md", "serbench_my_thing.py", test}
    assert all("$name" not in (home / file).read_text() for file in files)
    module = loaded(home / "serbench_my_thing.py", monkeypatch)
    source = PluginSource("my-thing", "serbench-my-thing", "0.1.0", lambda: module)
    plugins = Plugins([source], frozenset())
    [registry] = [registry for registry in plugins.registries() if len(registry)]
    assert registry.kind == kind.replace("-", " ")
    broken = [v for v in verdicts(registry.kind, registry.get("my-thing")) if v.result == "failed"]
    assert broken == []


@pytest.mark.parametrize("kind", ["backbone", "corpus"])
def test_what_is_written_installs_is_listed_and_passes_its_own_tests(kind, run, tmp_path):
    assert run("plugins", "new", "tiny-net", "--kind", kind).code == 0
    home, target = tmp_path / "serbench-tiny-net", tmp_path / "target"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", target, home], check=True)
    environment = os.environ | {"PYTHONPATH": str(target)}

    def python(*arguments):
        command = [sys.executable, *arguments]
        return subprocess.run(
            command, cwd=home, env=environment, check=False, capture_output=True, text=True
        )

    said = python("-m", "serbench.cli.main", "plugins", "list", "--format", "json")
    data = json.loads(said.stdout)
    assert {
        "kind": kind,
        "name": "tiny-net",
        "plugin": "tiny-net",
        "package": "serbench-tiny-net",
        "version": "0.1.0",
    } in data["registered"]
    assert data["failed"] == []
    tested = python("-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert tested.returncode == 0, tested.stdout
    assert " passed" in tested.stdout


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("mine", "mine"),
        ("My Net", "my-net"),
        ("serbench-mine", "mine"),
        ("tiny_net.2", "tiny-net-2"),
        ("A--b", "a-b"),
    ],
)
def test_names_are_made_regular(typed, name):
    assert plugin_name(typed) == name


@pytest.mark.parametrize(
    "typed", ["", " ", "-", "2fast", "straße", "a/b", "../a", "net-", "serbench-"]
)
def test_names_that_cannot_be_a_package_are_refused(typed):
    with pytest.raises(UsageError) as refusal:
        plugin_name(typed)
    assert f"'{typed}'" in str(refusal.value)


def test_a_bad_name_is_a_line_on_the_command_line(run, tmp_path):
    ran = run("plugins", "new", "2fast", "--kind", "backbone")
    assert "'2fast'" in error_of(ran, 2)
    assert list(tmp_path.glob("serbench-*")) == []


def test_an_existing_folder_is_left_as_it_is(run, tmp_path):
    home = tmp_path / "serbench-mine"
    home.mkdir()
    (home / "precious.txt").write_text("mine")
    ran = run("plugins", "new", "mine", "--kind", "scheduler")
    line = error_of(ran, 2)
    assert home.name in line
    assert "--out" in words_in(line)
    assert [path.name for path in home.iterdir()] == ["precious.txt"]


@pytest.mark.parametrize(("name", "kind"), [("homebrew", "backbone"), ("masking", "scheduler")])
def test_a_name_that_is_taken_is_refused(name, kind, run):
    ran = run("plugins", "new", name, "--kind", kind)
    assert f"'{name}'" in error_of(ran, 2)
    assert run("plugins", "new", f"{name}-2", "--kind", kind).code == 0


def test_a_folder_that_cannot_be_made_is_said_in_one_line(run, tmp_path):
    (tmp_path / "file").write_text("")
    ran = run("plugins", "new", "mine", "--kind", "corpus", "--out", tmp_path / "file" / "below")
    assert str(tmp_path / "file" / "below") in error_of(ran, 1)


def test_an_unknown_kind_is_refused_with_the_kinds_there_are(run):
    ran = run("plugins", "new", "mine", "--kind", "vocoder")
    assert ran.code == 2
    assert all(f"'{kind}'" in ran.err for kind in KINDS)
