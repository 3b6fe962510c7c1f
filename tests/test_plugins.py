"""Plugins bring what they bring; one that is broken is listed, and never stops the rest."""

from importlib.metadata import entry_points
from pathlib import Path

import pytest
from made_plugins import GOOD, Thing, brings, names, only_failure, source

import serbench.builtin
from serbench import hookimpl
from serbench.plugins import (
    DISABLE_VARIABLE,
    HOOKS,
    Plugins,
    disabled_plugins,
    group_of,
    installed_plugins,
)


def raiser(error):
    def fail(*_):
        raise error

    return fail


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
    assert all(word in failure.reason for word in ("PluginError", "backbone", "'net'", "'good'"))
    assert names(plugins.backbones) == ["net"]
    assert plugins.backbones.registrations()[0].plugin == "good"
    assert names(plugins.corpora) == ["its corpus"]


def test_a_plugin_that_registers_one_name_twice_is_listed():
    failure = only_failure(Plugins([source("twice", brings("a", "a")), GOOD], frozenset()))
    assert failure.plugin == "twice"
    assert "'a'" in failure.reason


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
    assert failure.reason.startswith("AttributeError")


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
    assert {"ravdess", "mel", "homebrew", "timm", "linear", "schedules", "metrics"} <= set(own)


def test_every_built_in_plugin_works_and_brings_something():
    own = [source for source in installed_plugins() if source.package == "serbench"]
    plugins = Plugins(own, frozenset())
    registries = plugins.registries()
    assert plugins.failures == []
    assert all(len(registry) for registry in registries)
    assert [registry.kind for registry in registries] == list(HOOKS)
    bringing = {each.plugin for registry in registries for each in registry.registrations()}
    assert bringing == {source.name for source in own}
