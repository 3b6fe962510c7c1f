"""The documentation as a site: it is built strictly, and loads nothing from elsewhere."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.services

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(out)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return out


def test_every_page_of_the_repository_is_a_page_of_the_site(site):
    for page in (ROOT / "docs").rglob("*.md"):
        name = page.relative_to(ROOT / "docs").with_suffix(".html").as_posix()
        assert (site / name.replace("README.html", "index.html")).is_file(), name
    for added in ("changelog.html", "benchmarks.html", "plugins/serbench-opensmile.html"):
        assert (site / added).is_file(), added


def test_pages_load_nothing_from_elsewhere(site):
    loading = re.compile(r"<(?:script|img|iframe|link [^>]*stylesheet)[^>]*?(?:https?:)?//[^>]*>")
    for page in site.rglob("*.html"):
        assert loading.findall(page.read_text("utf-8")) == [], page


def test_functions_are_described_from_their_docstrings(site):
    text = (site / "reference" / "api.html").read_text(encoding="utf-8")
    for name in ("serbench.api.study", "serbench.api.predict", "serbench.views.results.Results"):
        assert f'id="{name}"' in text, name


def test_pages_open_from_disk_without_an_error(site, browser):
    page, errors = browser.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    for name in ("index.html", "how-to/paper-table.html", "reference/api.html"):
        page.goto((site / name).as_uri())
        assert page.locator("h1").first.is_visible()
        for link in page.locator("nav.md-nav--primary a.md-nav__link[href$='.html']").all()[:40]:
            address = link.evaluate("each => each.href")
            assert Path(address.removeprefix("file://")).is_file(), address
    page.close()
    assert errors == []
