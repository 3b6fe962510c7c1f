"""The index of names: what it saves, and what makes it invalid."""

import json
import subprocess
import sys

import pytest

from serbench.errors import UnknownNameError
from serbench.plugin_index import PluginIndex
from serbench.plugins import DISABLE_VARIABLE, Plugins, installed_plugins
from serbench.registry import IndexedRegistry
from serbench.workspace import CACHE_VARIABLE

PLUGIN = """
import os
import serbench

class Net:
    def __init__(self, name):
        self.name = name

{before}

@serbench.hookimpl
def register_backbones(register):
    for name in {names}:
        register(Net(name))
"""


class Package:
    """A package with a plugin for backbones, on the path of this Python."""

    def __init__(self, folder, package):
        self.folder, self.package = folder, package
        metadata = folder / f"{package}-1.0.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0")
        group = f"[serbench.backbones]\n{package} = {package}.plugin\n"
        (metadata / "entry_points.txt").write_text(group)
        (folder / package).mkdir()
        (folder / package / "__init__.py").touch()

    def write(self, *names, before=""):
        self.write_hook(repr(names), before)

    def write_hook(self, names, before=""):
        text = PLUGIN.format(names=names, before=before)
        (self.folder / self.package / "plugin.py").write_text(text)
        for name in [name for name in sys.modules if name.partition(".")[0] == self.package]:
            del sys.modules[name]

    @property
    def loaded(self):
        return f"{self.package}.plugin" in sys.modules

    def unload(self):
        sys.modules.pop(f"{self.package}.plugin", None)


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Two packages with a plugin each, and no others; their names are those of their networks."""
    others = [source.name for source in installed_plugins()]
    monkeypatch.setenv(DISABLE_VARIABLE, ",".join(others))
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(tmp_path / "site")
    found = [Package(tmp_path / "site", name) for name in ("first_nets", "second_nets")]
    for package in found:
        package.write(f"{package.package}_net")
    yield found
    for package in found:
        package.write()


def test_names_are_listed_without_an_import_once_they_were_imported(packages):
    owners = Plugins().backbones.owners()
    assert owners == {"first_nets_net": "first_nets", "second_nets_net": "second_nets"}
    for package in packages:
        package.unload()
    again = Plugins().backbones
    assert isinstance(again, IndexedRegistry)
    assert again.owners() == owners
    assert "first_nets_net" in again
    assert not any(package.loaded for package in packages)


def test_only_the_plugin_asked_for_is_imported(packages):
    first, second = packages
    assert len(Plugins().backbones) == 2
    for package in packages:
        package.unload()
    assert Plugins().backbones.get("second_nets_net").name == "second_nets_net"
    assert (first.loaded, second.loaded) == (False, True)


def test_things_are_the_same_whether_asked_for_alone_or_all_together(packages):
    len(Plugins().backbones)
    plugins = Plugins()
    net = plugins.backbones.get("second_nets_net")
    assert net is plugins.backbones.get("second_nets_net")
    assert any(each is net for each in plugins.backbones)
    assert [each.plugin for each in plugins.backbones.registrations()] == [
        "first_nets",
        "second_nets",
    ]


@pytest.mark.parametrize("change", ["code", "version", "new package", "disabled"])
def test_what_changes_the_names_makes_the_index_invalid(packages, tmp_path, monkeypatch, change):
    first, _ = packages
    assert "first_nets_net" in Plugins().backbones.owners()
    if change == "code":
        first.write("another")
        expected = {"another": "first_nets", "second_nets_net": "second_nets"}
    elif change == "version":
        metadata = tmp_path / "site" / "first_nets-1.0.dist-info"
        metadata.rename(tmp_path / "site" / "first_nets-1.1.dist-info")
        first.write("first_nets_net", "first_nets_1_1")
        expected = dict.fromkeys(("first_nets_net", "first_nets_1_1"), "first_nets")
        expected["second_nets_net"] = "second_nets"
    elif change == "new package":
        third = Package(tmp_path / "site", "third_nets")
        third.write("third")
        expected = {"first_nets_net": "first_nets", "second_nets_net": "second_nets"}
        expected["third"] = "third_nets"
    else:
        disabled = f"{','.join(sorted(Plugins().disabled))},first_nets"
        monkeypatch.setenv(DISABLE_VARIABLE, disabled)
        expected = {"second_nets_net": "second_nets"}
    assert Plugins().backbones.owners() == expected


def test_a_name_that_the_index_lacks_is_looked_for_in_every_plugin(packages, monkeypatch):
    first, _ = packages
    monkeypatch.setenv("MORE_NETS", "first_nets_net")
    first.write_hook("os.environ['MORE_NETS'].split()")
    assert "extra" not in Plugins().backbones.owners()
    monkeypatch.setenv("MORE_NETS", "first_nets_net extra")
    assert Plugins().backbones.get("extra").name == "extra"
    with pytest.raises(UnknownNameError) as unknown:
        Plugins().backbones.get("nobody")
    assert unknown.value.name == "nobody"


def test_a_plugin_that_fails_is_listed_each_time(packages):
    _, second = packages
    second.write(before="raise OSError('no licence')")
    for _ in range(2):
        plugins = Plugins()
        assert plugins.backbones.owners() == {"first_nets_net": "first_nets"}
        assert [failure.plugin for failure in plugins.failures] == ["second_nets"]


def test_a_plugin_that_fails_later_is_a_failure_then(packages, monkeypatch):
    _, second = packages
    second.write("second_nets_net", before="os.environ['LICENCE']")
    monkeypatch.setenv("LICENCE", "yes")
    assert len(Plugins().backbones) == 2
    second.unload()
    monkeypatch.delenv("LICENCE")
    plugins = Plugins()
    with pytest.raises(UnknownNameError):
        plugins.backbones.get("second_nets_net")
    assert [failure.plugin for failure in plugins.failures] == ["second_nets"]
    again = Plugins()
    assert again.backbones.owners() == {"first_nets_net": "first_nets"}
    assert [failure.plugin for failure in again.failures] == ["second_nets"]


@pytest.mark.parametrize("content", ["", "[]", "{", '{"stamp": "s"}', '{"stamp": "s", "names": 3}'])
def test_a_damaged_index_is_no_index(tmp_path, content):
    index = PluginIndex(tmp_path)
    index.write("backbone", "s", {"a": ["b"]})
    assert index.read("backbone", "s") == {"a": ["b"]}
    assert index.read("backbone", "t") is None
    [file] = tmp_path.iterdir()
    file.write_text(content)
    assert index.read("backbone", "s") is None


def test_a_cache_that_cannot_be_written_is_done_without(packages, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "file"))
    assert len(Plugins().backbones) == 2
    assert len(Plugins().backbones) == 2


LIGHT = """
import sys
from serbench.cli.main import main
try:
    main(["plugins", "list", "--format", "json"])
except SystemExit:
    heavy = ("torch", "timm", "scipy", "sqlalchemy")
    print("imported:", *(name for name in heavy if name in sys.modules))
"""


def test_the_second_list_of_plugins_imports_no_torch(monkeypatch, tmp_path):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    ran = [
        subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    first, second = (each.stdout.rpartition("imported:") for each in ran)
    assert json.loads(first[0]) == json.loads(second[0])
    assert "torch" in first[2].split()
    assert second[2].split() == []
