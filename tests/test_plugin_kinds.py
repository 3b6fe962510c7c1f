"""A plugin is imported when what it is declared to bring is asked for."""

from dataclasses import replace

from made_plugins import GOOD, brings, names, only_failure, source

from serbench.plugins import HOOKS, Plugins, installed_plugins


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
    assert "serbench.backbones" in failure.reason


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
