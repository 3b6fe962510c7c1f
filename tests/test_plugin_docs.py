"""docs/reference/plugins.md has every hook and protocol as the code does; its examples work."""

import ast
import inspect
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from serbench import hookspecs
from serbench.cli.plugin_writing import write_plugin
from serbench.data.corpus import Corpus
from serbench.model.augment import Augmentation
from serbench.model.backbone import Backbone
from serbench.model.frontend import FrontEnd
from serbench.model.head import Head
from serbench.model.objective import Objective
from serbench.model.runtime import Runtime
from serbench.model.schedule import Scheduler
from serbench.plugins import Plugins, PluginSource
from serbench.score.metric import Metric
from serbench.testing import contract

DOCS = (Path(__file__).parents[1] / "docs" / "reference" / "plugins.md").read_text(encoding="utf-8")
PROTOCOLS = (Corpus, FrontEnd, Augmentation, Backbone, Head, Objective, Scheduler, Metric, Runtime)
EXAMPLE = re.search(r"<!-- complete example -->\n```python\n(.*?)```", DOCS, re.S)[1]
SHORT_EXAMPLE = re.search(r"<!-- short example -->\n```python\n(.*?)```", DOCS, re.S)[1]
MOST_LINES = 24
METRIC = re.search(r"```python\n(class TopTwo.*?)```", DOCS, re.S)[1]


def signature(function):
    """``name(arguments) -> result`` without ``self``, annotations as they are written."""
    whole = inspect.signature(function)
    arguments = [
        f"{each.name}: {each.annotation}"
        for each in whole.parameters.values()
        if each.name != "self"
    ]
    return f"{function.__name__}({', '.join(arguments)}) -> {whole.return_annotation}"


def members(protocol):
    """The signatures of a protocol's methods and properties, those of its bases last."""
    for name, member in (each for base in protocol.__mro__ for each in vars(base).items()):
        if isinstance(member, property):
            kind = inspect.signature(member.fget).return_annotation
            yield f"{name} -> {kind}".replace('"', "'")
        elif not name.startswith("_"):
            yield signature(member)


def test_every_hook_is_documented_with_its_exact_arguments():
    hooks = [each for name, each in vars(hookspecs).items() if name.startswith("register_")]
    assert len(hooks) == 9
    assert re.findall(r"^\| `(register_.*?)` \|", DOCS, re.M) == [signature(each) for each in hooks]


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.__name__)
def test_every_member_of_a_protocol_is_documented_as_it_is(protocol):
    section = re.search(rf"^### `{protocol.__name__}`\n(.*?)^##", DOCS, re.S | re.M)[1]
    documented = re.findall(r"^- `(.*?)`:", section, re.M)
    assert documented == list(members(protocol))


def test_every_protocol_of_a_hook_has_its_section():
    hooks = [each for name, each in vars(hookspecs).items() if name.startswith("register_")]
    wanted = " ".join(signature(each) for each in hooks)
    sections = re.findall(r"^### `(\w+)`$", DOCS, re.M)
    assert re.findall(r"Callable\[\[(\w+)\], None\]", wanted) == sections


def code_lines(source):
    """Lines after the imports that hold code: neither blank nor of a docstring."""
    tree = ast.parse(source)
    words = {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for line in range(node.lineno, node.end_lineno + 1)
    }
    imports = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    lines = source.splitlines()
    after = range(imports[-1].end_lineno + 1, len(lines) + 1)
    return [lines[n - 1] for n in after if n not in words and lines[n - 1].strip()]


def test_the_complete_backbone_is_under_25_lines():
    assert 10 < len(code_lines(EXAMPLE)) <= MOST_LINES


def test_the_short_backbone_is_under_25_lines_imports_included():
    assert 10 < len([line for line in SHORT_EXAMPLE.splitlines() if line.strip()]) <= MOST_LINES


def test_the_complete_backbone_is_the_one_that_plugins_new_writes(tmp_path):
    written = write_plugin("tiny-net", "backbone", tmp_path)
    assert (tmp_path / "serbench-tiny-net/serbench_tiny_net.py") in written
    assert (tmp_path / "serbench-tiny-net/serbench_tiny_net.py").read_text() == EXAMPLE


@pytest.fixture(scope="module", params=[EXAMPLE, SHORT_EXAMPLE], ids=["complete", "short"])
def example(request):
    """A backbone of the docs, as a plugin brings it."""
    module = ModuleType("serbench_example")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, module.__name__, module)
        exec(request.param, vars(module))
        source = PluginSource("example", "serbench-example", "0.1.0", lambda: module)
        (backbone,) = Plugins([source], frozenset()).backbones
        yield backbone


@pytest.mark.parametrize("check", contract("backbone"))
def test_the_backbones_keep_the_contract(example, check):
    check(example)


def test_the_metric_of_ten_lines_keeps_the_contract(monkeypatch):
    assert len([line for line in METRIC.splitlines() if line.strip()]) <= 10
    module = ModuleType("serbench_metric_example")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(METRIC, vars(module))
    for check in contract("metric"):
        check(module.TopTwo())
