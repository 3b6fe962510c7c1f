"""``serbench plugins check``: the contract, run on whatever has a name."""

import json
from dataclasses import dataclass, field, replace
from types import ModuleType

import numpy as np
import pytest
import soundfile
import torch
from error_facts import words_in
from refusals import error_of

from serbench import hookimpl
from serbench.builtin.masking import Masking
from serbench.builtin.time_shift import TimeShift
from serbench.cli.app import App
from serbench.data.corpus import NamedFiles
from serbench.data.licence import Licence
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


def test_json_lists_the_checks(run):
    ran, data = checked(run, "half-cycle")
    assert ran.code == 0
    assert len(data["checks"]) == data["passed"] == len(contract("scheduler"))
    assert {"half-cycle"} == {each["name"] for each in data["checks"]}
    assert all(each["promise"].endswith(".") for each in data["checks"])


def test_a_plugin_is_checked_with_all_its_registered_objects(run):
    _, data = checked(run, "masking")
    assert {each["name"] for each in data["checks"]} == {"frequency-mask", "time-mask"}


def test_a_name_of_two_kinds_is_checked_as_both(run, also_installed):
    also_installed(plugin("twin", "register_augmentations", replace(TimeShift(), name="ravdess")))
    _, data = checked(run, "ravdess")
    assert {each["kind"] for each in data["checks"]} == {"corpus", "augmentation"}


def test_of_many_objects_a_reported_sample_is_checked(run, also_installed):
    many = [Masking(f"mask-{number}", axis=3) for number in range(40)]
    also_installed(plugin("many", "register_augmentations", *many))
    ran, data = checked(run, "many")
    assert data["notes"] == ["3 of 40 of kind augmentation that many registers"]
    assert "3 of 40" in ran.err
    assert len({each["name"] for each in data["checks"]}) == 3


def test_a_failed_check_is_named_and_gives_exit_code_1(run, also_installed):
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


MINE = NamedFiles(
    name="mine",
    title="Mine",
    licence=Licence("MIT", "yes"),
    home="here",
    pattern=r"(?P<speaker>[a-z]+)_(?P<label>[a-z]+)",
    emotions={"happy": "happiness", "cross": "anger"},
    speech="acted",
)


@dataclass(frozen=True)
class Raging(NamedFiles):
    """Gives an emotion that nobody registered."""

    def recording(self, path, match):
        return replace(super().recording(path, match), emotion="rage")


@dataclass(frozen=True)
class Failing(NamedFiles):
    """Fails at the file of its second speaker."""

    def excluded(self, match):
        return {"ann": None}[match["speaker"]]


def corpus_of(kind, **changes):
    def load():
        return plugin("mine", "register_corpora", kind(**(vars(MINE) | changes))).load()

    return PluginSource("mine", "mine-package", "1.0", load)


@pytest.fixture
def folder(tmp_path):
    for number, name in enumerate(("ann_happy", "bob_cross")):
        samples = np.random.default_rng(number).uniform(-0.5, 0.5, 800)
        soundfile.write(tmp_path / f"{name}.wav", samples, 16_000)
    (tmp_path / "read me.txt").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pattern": r"(?P<label>[a-z]+)"}, {"speaker"}),
        ({"emotions": {"happy": "glee"}}, {"glee"}),
    ],
)
def test_a_corpus_that_could_not_be_scanned_is_refused(run, also_installed, changes, words):
    also_installed(corpus_of(NamedFiles, **changes))
    ran = run("plugins", "check", "mine")
    assert ran.code == 1
    assert words_in(ran.out + ran.err) >= words


def test_what_a_corpus_recognises_in_a_folder_is_shown(run, also_installed, folder):
    also_installed(corpus_of(NamedFiles))
    ran, found = checked(run, "mine", "--files", folder)
    assert ran.code == 0
    rows = [(row["speaker"], row["label"], row["emotion"]) for row in found["files"]]
    assert rows == [("ann", "happy", "happiness"), ("bob", "cross", "anger")]
    table = run("plugins", "check", "mine", "--files", folder).out
    assert words_in(table) >= {"ann", "happiness", "bob"}


@pytest.mark.parametrize(
    ("kind", "words"), [(Raging, {"rage"}), (Failing, {"KeyError", "bob"})], ids=["rage", "error"]
)
def test_a_corpus_that_fails_at_files_fails_the_check(run, also_installed, folder, kind, words):
    also_installed(corpus_of(kind))
    assert checked(run, "mine")[0].code == 0
    ran, found = checked(run, "mine", "--files", folder)
    assert ran.code == 1
    assert words_in(" ".join(str(row["problem"]) for row in found["files"])) >= words


def test_a_corpus_that_recognises_nothing_in_a_folder_fails_the_check(
    run, also_installed, tmp_path
):
    also_installed(corpus_of(NamedFiles))
    (tmp_path / "a.wav").touch()
    assert run("plugins", "check", "mine", "--files", tmp_path).code == 1


def test_files_are_for_corpora_only(run, tmp_path):
    assert run("plugins", "check", "mel", "--files", tmp_path).code == 2


def test_a_corpus_that_fails_loses_its_own_recordings_only(run, also_installed, folder):
    also_installed(corpus_of(Failing))
    soundfile.write(folder / "03-01-05-01-01-01-01.wav", np.linspace(-0.5, 0.5, 800), 16_000)
    ran = run("corpus", "scan", folder, "--dataset", "d", "--format", "json")
    assert ran.code == 0
    account = json.loads(ran.out)
    assert (account["found"], account["by_corpus"]) == (3, {"mine": 1, "ravdess": 1})
    (defect,) = account["defects"]
    assert words_in(defect["reason"]) >= {"mine"}


def test_a_plugin_that_failed_is_named_where_files_are_not_recognised(run, also_installed, folder):
    def load():
        raise SyntaxError("invalid syntax")

    also_installed(PluginSource("broken", "broken-package", "1.0", load))
    ran = run("corpus", "scan", folder, "--dataset", "d")
    assert ran.code == 1
    assert {"broken", "SyntaxError"} <= words_in(ran.err)
    soundfile.write(folder / "03-01-05-01-01-01-01.wav", np.linspace(-0.5, 0.5, 800), 16_000)
    account = json.loads(run("corpus", "scan", folder, "--dataset", "d", "--format", "json").out)
    assert any("broken" in remark for remark in account["remarks"])


def test_files_of_something_that_is_no_corpus_are_refused_before_any_check(run, tmp_path):
    assert error_of(run("plugins", "check", "time-shift", "--files", tmp_path), 2)
