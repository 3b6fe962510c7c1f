"""Plugins made for a test, and what is asked of them."""

from dataclasses import dataclass
from types import ModuleType

from serbench import hookimpl
from serbench.plugins import PluginSource


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


GOOD = source("good", brings("net"))


def only_failure(plugins):
    """Fill every registry; there is one failure, and the good plugin works."""
    plugins.registries()
    (failure,) = plugins.failures
    assert "net" in plugins.backbones
    return failure
