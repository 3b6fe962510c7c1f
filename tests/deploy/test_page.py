"""Pages with an exported file: their parts, and what is refused. tests/services opens one."""

import base64
import gzip
import json
import re
from dataclasses import replace

import pytest
from making.facts import FACTS

from serbench.deploy.page import JAVASCRIPT, PACKAGE, VERSION, WASM, WebRuntime, page_of
from serbench.errors import MissingPackageError, UsageError

RUNTIME = WebRuntime(b"export const one = 1;", bytes(range(256)))
MODEL = b"a graph"


def script(page, name):
    [text] = re.findall(rf'<script type="[^"]*" id="{name}">(.*?)</script>', page, re.S)
    return text


def test_a_page_contains_the_file_its_facts_and_the_runtime():
    page = page_of(MODEL, FACTS, RUNTIME)
    assert gzip.decompress(base64.b64decode(script(page, "model"))) == MODEL
    assert gzip.decompress(base64.b64decode(script(page, "wasm"))) == RUNTIME.wasm
    assert json.loads(script(page, "facts"))["emotions"] == list(FACTS.emotions)
    [module] = re.findall(r"data:text/javascript;base64,([^\"]*)", page)
    assert base64.b64decode(module) == RUNTIME.javascript
    assert not re.search(r"@[A-Z]+@", page)


def test_a_page_names_no_address_and_is_always_the_same():
    page = page_of(MODEL, FACTS, RUNTIME)
    assert "://" not in page
    assert page == page_of(MODEL, FACTS, RUNTIME)


def test_facts_cannot_end_their_script():
    facts = replace(FACTS, dataset="</script><script>alert(1)</script>")
    page = page_of(MODEL, facts, RUNTIME)
    assert json.loads(script(page, "facts"))["dataset"] == facts.dataset
    assert "alert(1)</script>" not in page


def test_a_part_outside_of_the_file_has_no_page():
    with pytest.raises(UsageError) as raised:
        page_of(MODEL, replace(FACTS, outside=("Compute it.",)), RUNTIME)
    assert raised.value.facts == {"entry": FACTS.entry}


def install(folder):
    place = folder / "node_modules" / PACKAGE / "dist"
    place.mkdir(parents=True)
    (place / JAVASCRIPT).write_bytes(RUNTIME.javascript)
    (place / WASM).write_bytes(RUNTIME.wasm)
    return place


def test_the_package_is_found_here_and_in_folders_above(tmp_path):
    install(tmp_path)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert WebRuntime.near(tmp_path) == WebRuntime.near(below) == RUNTIME


@pytest.mark.parametrize("lost", [None, JAVASCRIPT, WASM])
def test_without_the_package_the_command_that_installs_it_is_named(tmp_path, lost):
    if lost is not None:
        (install(tmp_path) / lost).unlink()
    with pytest.raises(MissingPackageError) as raised:
        WebRuntime.near(tmp_path)
    assert raised.value.facts == {"package": PACKAGE}
    assert f"npm install {PACKAGE}@{VERSION}" in str(raised.value)
