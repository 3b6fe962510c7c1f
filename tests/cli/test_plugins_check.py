"""``serbench plugins check``: the contract, run on whatever has a name."""

import json
from dataclasses import dataclass, field, replace
from types import ModuleType

import pytest
import torch
from error_facts import words_in
from refusals import error_of

from serbench import hookimpl
from serbench.builtin.masking import Masking
from serbench.builtin.time_shift import TimeShift
from serbench.cli.app import App
from serbench.model.ranges import Range
from serbench.plugins import Plugins, PluginSource, installed_plugins
from serbench.testing import contract

pytestmark = pytest.mark.usefixtures("without_timm")


@dataclass(frozen=True)
class Careless:
    """Changes its input, draws from the global generator, and has no range."""

    name: str = "careless"
    acts_on: str = "waveform"
    widths: Range = field(default_factory=lambda: Range(0.0, 1.0, initial=0.0))

    def apply(self, batch, width, generator):
        batch += width * torch.rand(1)
        return batch


def plugin(name, hook, *things):
    def register_all(register):
        for thing in things:
            register(thing)

    register_all.__name__ = hook
    module = ModuleType(name)
    setattr(module, hook, hookimpl(register_all))
    return PluginSource(name, f"{name}-package", "1.0", lambda: module)


@pytest.fixture
def also_installed(monkeypatch):
    """``also_installed(plugin, …)`` adds plugins to those of serbench."""

    def install(*sources):
        own = [source for source in installed_plugins() if source.package == "serbench"]
        plugins = Plugins([*own, *sources])
        monkeypatch.setattr(App, "plugins", plugins)

    return install


def checked(run, *arguments):
    ran = run("plugins", "check", *arguments, "--format", "json")
    return ran, json.loads(ran.out)


def test_one_name_gives_a_table_of_checks_and_results(run):
    ran = run("plugins", "check", "time-shift")
    lines = ran.out.splitlines()
    count = len(contract("augmentation"))
    assert ran.code == 0
    assert lines[0].strip() == "augmentation time-shift (plugin time-shift)"
    assert lines[1].split() == ["check", "result"]
    assert "width zero changes nothing" in ran.out
    assert [line.split()[-1] for line in lines[2:-1]] == ["passed"] * count
    assert lines[-1] == f"{count} passed, 0 failed, 0 skipped"


def test_json_says_what_is_promised(run):
    ran, data = checked(run, "half-cycle")
    assert ran.code == 0
    assert len(data["checks"]) == data["passed"] == len(contract("scheduler"))
    assert {"half-cycle"} == {each["name"] for each in data["checks"]}
    assert all(each["promise"].endswith(".") for each in data["checks"])


def test_a_plugin_stands_for_all_it_brings(run):
    _, data = checked(run, "masking")
    assert {each["name"] for each in data["checks"]} == {"frequency-mask", "time-mask"}


def test_a_name_of_two_kinds_is_checked_as_both(run, also_installed):
    also_installed(plugin("twin", "register_augmentations", replace(TimeShift(), name="ravdess")))
    _, data = checked(run, "ravdess")
    assert {each["kind"] for each in data["checks"]} == {"corpus", "augmentation"}


def test_of_very_many_things_a_sample_is_checked_and_it_says_so(run, also_installed):
    many = [Masking(f"mask-{number}", axis=3) for number in range(40)]
    also_installed(plugin("many", "register_augmentations", *many))
    ran, data = checked(run, "many")
    assert data["notes"] == ["3 of 40 of kind augmentation that many brings"]
    assert "3 of 40" in ran.err
    assert len({each["name"] for each in data["checks"]}) == 3


def test_a_broken_promise_is_named_and_ends_in_failure(run, also_installed):
    also_installed(plugin("sloppy", "register_augmentations", Careless()))
    ran, data = checked(run, "careless")
    assert ran.code == 1
    broken = {each["check"]: each["reason"] for each in data["checks"] if each["reason"]}
    assert broken.keys() >= {"the input is not changed", "the seed determines the result"}
    assert data["failed"] == len(broken)
    table = run("plugins", "check", "careless")
    assert table.code == 1
    assert all(f"failed: {reason}" in table.out for reason in broken.values())
    assert f"{len(broken)} failed" in table.out


def test_an_unknown_name_is_refused_with_the_nearest(run):
    ran = run("plugins", "check", "time-shfit")
    assert words_in(error_of(ran, 2)) >= {"time-shfit", "time-shift"}


def test_a_plugin_that_failed_is_refused_with_its_reason(run, also_installed):
    def load():
        raise ImportError("no such library")

    also_installed(PluginSource("broken", "strange", "1.0", load))
    ran = run("plugins", "check", "broken")
    line = error_of(ran, 1)
    assert words_in(line) >= {"broken", "strange"}
    assert "ImportError: no such library" in line


def test_files_of_something_that_is_no_corpus_are_refused_before_any_check(run, tmp_path):
    assert error_of(run("plugins", "check", "time-shift", "--files", tmp_path), 2)
