"""The documentation as a site: it is built strictly, and loads nothing from elsewhere."""

import os
import re
import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

pytestmark = pytest.mark.services

ROOT = Path(__file__).parents[2]


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files and prints nothing."""

    def log_message(self, *arguments):
        pass


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
    for name in (
        "serbench.api.study",
        "serbench.api.predict",
        "serbench.views.results.Results.trials",
    ):
        assert f'id="{name}"' in text, name


def test_pages_and_search_work_without_a_network(site, browser):
    handler = partial(QuietHandler, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        page, problems = browser.new_page(), []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("response", lambda each: each.status < 400 or problems.append(each.url))
        page.on("request", lambda each: each.url.startswith(address) or problems.append(each.url))
        for name in ("index.html", "how-to/paper-table.html", "reference/api.html"):
            page.goto(f"{address}/{name}")
            assert page.locator("h1").first.is_visible()
        page.locator("input.md-search__input").fill("critical difference")
        page.locator("li.md-search-result__item").first.wait_for(timeout=20_000)
        page.close()
        server.shutdown()
    assert problems == []
