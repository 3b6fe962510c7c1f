"""Plugins bring what they bring; one that is broken is listed, and never stops the rest."""

from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

import pytest

import serbench.builtin
from serbench import hookimpl
from serbench.plugins import (
    DISABLE_VARIABLE,
    HOOKS,
    Plugins,
    PluginSource,
    disabled_plugins,
    group_of,
    installed_plugins,
)


@dataclass(frozen=True)
class Thing:
    name: str


def source(name, *functions, package="", before=lambda: None):
    """A plugin whose module holds ``functions``, and does ``before`` when it is imported."""

    def load():
        before()
        module = ModuleType(name)
        for function in functions:
            setattr(module, function.__name__, function)
        return module

    return PluginSource(name, package or f"{name}-package", "1.0", load)


def brings(*names, hook="register_backbones"):
    """A hook that registers something of each name."""

    def register_all(register):
        for name in names:
            register(Thing(name))

    register_all.__name__ = hook
    return hookimpl(register_all)


def names(registry):
    return [thing.name for thing in registry]


def raiser(error):
    def fail(*_):
        raise error

    return fail


GOOD = source("good", brings("net"))


def only_failure(plugins):
    """Fill every registry; there is one failure, and the good plugin works."""
    plugins.registries()
    (failure,) = plugins.failures
    assert "net" in plugins.backbones
    return failure


def test_a_plugin_brings_things_of_several_kinds():
    both = source("both", brings("net"), brings("corpus", hook="register_corpora"))
    plugins = Plugins([both], frozenset())
    assert names(plugins.backbones) == ["net"]
    assert names(plugins.corpora) == ["corpus"]
    assert names(plugins.front_ends) == []
    assert plugins.failures == []
    assert plugins.backbones.registrations()[0].plugin == "both"
    assert plugins.sources["both"].package == "both-package"


def test_a_registry_is_filled_once_when_it_is_first_asked_for():
    calls = []

    @hookimpl
    def register_backbones(register):
        calls.append(register)

    plugins = Plugins([source("lazy", register_backbones)], frozenset())
    assert calls == []
    assert plugins.backbones is plugins.backbones
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ImportError("No module named 'tensorflow'"), "ImportError: No module named 'tensorflow'"),
        (SyntaxError("invalid syntax"), "SyntaxError: invalid syntax"),
        (ZeroDivisionError("first line\nsecond line"), "ZeroDivisionError: first line"),
        (SystemExit("no licence key"), "SystemExit: no licence key"),
    ],
)
@pytest.mark.parametrize("order", [1, -1])
def test_a_plugin_that_cannot_be_imported_is_listed_with_the_reason(error, reason, order):
    broken = source("broken", brings("other"), before=raiser(error))
    plugins = Plugins([broken, GOOD][::order], frozenset())
    failure = only_failure(plugins)
    assert (failure.plugin, failure.package) == ("broken", "broken-package")
    assert failure.reason == reason
    assert names(plugins.backbones) == ["net"]
    assert "broken" not in plugins.sources


@pytest.mark.parametrize("error", [RuntimeError("no GPU here"), SystemExit("no GPU here")])
def test_a_hook_that_raises_loses_all_it_registered_and_no_more(error):
    @hookimpl
    def register_backbones(register):
        register(Thing("half done"))
        raise error

    half = source("half", register_backbones, brings("its corpus", hook="register_corpora"))
    plugins = Plugins([half, GOOD], frozenset())
    assert only_failure(plugins).reason.endswith(": no GPU here")
    assert names(plugins.backbones) == ["net"]
    assert names(plugins.corpora) == ["its corpus"]


def test_a_name_that_is_taken_costs_the_later_plugin_its_things_of_that_kind():
    late = source("late", brings("more", "net"), brings("its corpus", hook="register_corpora"))
    plugins = Plugins([GOOD, late], frozenset())
    failure = only_failure(plugins)
    assert failure.plugin == "late"
    assert failure.reason == ("PluginError: backbone 'net' is already registered by plugin 'good'")
    assert names(plugins.backbones) == ["net"]
    assert plugins.backbones.registrations()[0].plugin == "good"
    assert names(plugins.corpora) == ["its corpus"]


def test_a_plugin_that_registers_one_name_twice_is_listed():
    failure = only_failure(Plugins([source("twice", brings("a", "a")), GOOD], frozenset()))
    assert "'a' is already registered by plugin 'twice'" in failure.reason


def test_the_same_name_may_be_given_to_things_of_two_kinds():
    corpus = source("corpus", brings("net", hook="register_corpora"))
    plugins = Plugins([GOOD, corpus], frozenset())
    assert (names(plugins.backbones), names(plugins.corpora)) == (["net"], ["net"])
    assert plugins.failures == []


def test_what_has_no_name_is_refused_with_its_plugin():
    @hookimpl
    def register_backbones(register):
        register(object())

    failure = only_failure(Plugins([source("nameless", register_backbones), GOOD], frozenset()))
    assert failure.plugin == "nameless"
    assert "has no attribute 'name'" in failure.reason


def test_a_hook_with_unknown_arguments_costs_its_plugin_everything():
    @hookimpl
    def register_corpora(register, colour):
        register(Thing(colour))

    odd = source("odd", brings("other"), register_corpora)
    plugins = Plugins([odd, GOOD], frozenset())
    failure = only_failure(plugins)
    assert failure.plugin == "odd"
    assert "register_corpora" in failure.reason or "colour" in failure.reason
    assert names(plugins.backbones) == ["net"]


@pytest.mark.parametrize("order", [1, -1])
def test_a_hook_that_nobody_calls_costs_its_plugin_everything(order):
    odd = source("odd", brings("other"), brings("voice", hook="register_voices"))
    plugins = Plugins([odd, GOOD][::order], frozenset())
    assert "register_voices" in only_failure(plugins).reason
    assert names(plugins.backbones) == ["net"]


def test_a_plugin_under_a_name_that_is_taken_does_not_push_the_first_out():
    rival = source("good", brings("rival net"), package="rival")
    plugins = Plugins([GOOD, rival], frozenset())
    failure = only_failure(plugins)
    assert (failure.plugin, failure.package) == ("good", "rival")
    assert "good-package" in failure.reason
    assert names(plugins.backbones) == ["net"]
    assert plugins.sources["good"].package == "good-package"


def test_functions_that_are_not_marked_are_left_alone():
    def register_backbones(register):
        raise AssertionError

    plugins = Plugins([source("plain", register_backbones), GOOD], frozenset())
    assert (names(plugins.backbones), plugins.failures) == (["net"], [])


def test_a_disabled_plugin_is_not_even_imported(monkeypatch):
    monkeypatch.setenv(DISABLE_VARIABLE, "noisy , unheard-of,")
    noisy = source("noisy", brings("other"), before=raiser(AssertionError("imported")))
    plugins = Plugins([noisy, GOOD])
    assert plugins.disabled == {"noisy", "unheard-of"}
    assert (names(plugins.backbones), plugins.failures) == (["net"], [])


def declared(name, *functions, kinds, before=lambda: None):
    return replace(source(name, *functions, before=before), kinds=frozenset(kinds))


def test_only_what_may_bring_a_kind_is_imported_for_it():
    imported = []
    sources = [
        declared(kind, before=lambda kind=kind: imported.append(kind), kinds={kind})
        for kind in HOOKS
    ]
    anything = source("anything", before=lambda: imported.append("anything"))
    plugins = Plugins([*sources, anything], frozenset())
    assert imported == []
    plugins.corpora  # noqa: B018 - it is asked for
    assert imported == ["corpus", "anything"]
    plugins.backbones  # noqa: B018
    assert imported == ["corpus", "anything", "backbone"]
    plugins.registries()
    assert sorted(imported) == sorted([*HOOKS, "anything"])


def test_a_module_declared_for_two_kinds_is_imported_once():
    imported = []
    both = declared(
        "both",
        brings("net"),
        brings("front", hook="register_front_ends"),
        kinds={"backbone", "front end"},
        before=lambda: imported.append("both"),
    )
    plugins = Plugins([both], frozenset())
    assert (names(plugins.backbones), names(plugins.front_ends)) == (["net"], ["front"])
    assert imported == ["both"]


def test_a_module_that_brings_what_it_is_not_declared_for_is_listed():
    hidden = declared(
        "hidden", brings("other"), brings("a", hook="register_corpora"), kinds={"corpus"}
    )
    failure = only_failure(Plugins([hidden, GOOD], frozenset()))
    assert failure.plugin == "hidden"
    assert "declare it in serbench.backbones as well" in failure.reason


def test_who_has_a_name_does_not_depend_on_what_was_asked_for_first():
    late = declared(
        "late",
        brings("net"),
        brings("front", hook="register_front_ends"),
        kinds={"backbone", "front end"},
    )
    plugins = Plugins([declared("early", brings("net"), kinds={"backbone"}), late], frozenset())
    assert names(plugins.front_ends) == ["front"]
    assert [each.plugin for each in plugins.backbones.registrations()] == ["early"]


@pytest.mark.parametrize("value", ["", " ", ",,"])
def test_nothing_is_disabled_by_an_empty_variable(monkeypatch, value):
    monkeypatch.setenv(DISABLE_VARIABLE, value)
    assert disabled_plugins() == frozenset()
    monkeypatch.delenv(DISABLE_VARIABLE)
    assert disabled_plugins() == frozenset()


def test_every_built_in_plugin_is_an_entry_point():
    folder = Path(serbench.builtin.__file__).parent
    modules = [
        f"serbench.builtin.{path.stem}"
        for path in folder.glob("*.py")
        if "@hookimpl" in path.read_text()
    ]
    declared = [
        point.value
        for kind in HOOKS
        for point in entry_points(group=group_of(kind))
        if point.dist is not None and point.dist.name == "serbench"
    ]
    assert sorted(declared) == sorted(modules)


def test_the_installed_plugins_begin_with_those_of_serbench():
    found = installed_plugins()
    own = [source.name for source in found if source.package == "serbench"]
    assert own == sorted(own)
    assert [source.name for source in found[: len(own)]] == own
    assert {"ravdess", "mel", "homebrew", "timm", "schedules"} <= set(own)


def test_a_package_declares_a_plugin_in_one_group_or_in_several(tmp_path, monkeypatch):
    about = tmp_path / "strange-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: strange\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[serbench]\nany = strange\n"
        "[serbench.corpora]\nsome = strange\n"
        "[serbench.schedulers]\nsome = strange\n"
        "[serbench.voices]\nnone = strange\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    found = {each.name: each.kinds for each in installed_plugins() if each.package == "strange"}
    assert found == {"any": frozenset(HOOKS), "some": {"corpus", "scheduler"}}


def test_every_built_in_plugin_works_and_brings_something():
    own = [source for source in installed_plugins() if source.package == "serbench"]
    plugins = Plugins(own, frozenset())
    registries = plugins.registries()
    assert plugins.failures == []
    assert all(len(registry) for registry in registries)
    bringing = {each.plugin for registry in registries for each in registry.registrations()}
    assert bringing == {source.name for source in own}
