"""A registry gives each name one meaning, and answers an unknown one with the nearest."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serbench.errors import PluginError, UnknownNameError
from serbench.registry import Registry


@dataclass(frozen=True)
class Thing:
    name: str
    made: int = 0


def registry_of(*names):
    registry = Registry("thing")
    for name in names:
        registry.add(Thing(name), f"plugin of {name}")
    return registry


@given(st.lists(st.text(min_size=1), unique=True, max_size=8))
@settings(deadline=None, max_examples=30)
def test_what_was_registered_is_found_in_its_order(names):
    registry = registry_of(*names)
    assert [thing.name for thing in registry] == names
    assert len(registry) == len(names)
    assert all(registry.get(name) == Thing(name) and name in registry for name in names)


def test_a_registration_remembers_who_brought_it():
    (registration,) = registry_of("mel").registrations()
    assert (registration.thing.name, registration.plugin) == ("mel", "plugin of mel")


def test_a_name_is_taken_once_and_the_first_stays():
    registry = registry_of("mel")
    with pytest.raises(PluginError) as refused:
        registry.add(Thing("mel", made=2), "another")
    assert refused.value.facts == {"kind": "thing", "name": "mel", "plugin": "plugin of mel"}
    assert registry.get("mel").made == 0
    assert len(registry) == 1


def test_an_unknown_name_is_answered_with_the_nearest():
    registry = registry_of("mobilenetv3_large_100", "mobilenetv3_small_100", "homebrew")
    with pytest.raises(UnknownNameError) as refused:
        registry.get("mobilenet_v3_large")
    assert refused.value.facts == {"kind": "thing", "name": "mobilenet_v3_large"}
    assert refused.value.nearest[0] == "mobilenetv3_large_100"
    assert "homebrew" not in str(refused.value)


def test_a_name_like_no_other_is_answered_with_all_there_is():
    with pytest.raises(UnknownNameError) as refused:
        registry_of("mel", "mfcc").get("xyzzy")
    assert all(name in str(refused.value) for name in ("mel", "mfcc"))
    with pytest.raises(UnknownNameError):
        registry_of().get("")


def test_what_is_no_name_is_not_in_it():
    assert "mel" not in registry_of()
    assert None not in registry_of("mel")


def test_an_unknown_name_comes_with_the_plugins_that_failed_by_then():
    failed = []
    registry = Registry("thing", lambda: failed)
    registry.add(Thing("mel"), "plugin of mel")
    failed.append("plugin 'mine' could not be loaded")
    with pytest.raises(UnknownNameError) as refusal:
        registry.get("mell")
    assert (refusal.value.nearest, refusal.value.failed) == (["mel"], tuple(failed))
    assert failed[0] in str(refusal.value)
