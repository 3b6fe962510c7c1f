"""A site that is opened from the disk: order, filters, plot, comparison, accessibility."""

import json
import re

import numpy as np
import pytest
import soundfile
from making.sites import FORMULA, fill

from serbench.cli.main import main
from serbench.views.comparison import compare_entries
from serbench.views.ranking import rankings

expect = pytest.importorskip("playwright.sync_api").expect

pytestmark = pytest.mark.services


def serbench(*command):
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in command])
    assert ended.value.code == 0


@pytest.fixture(scope="module")
def filled(tmp_path_factory, made):
    database = fill(tmp_path_factory.mktemp("filled"), made)
    yield database
    database.engine.dispose()


@pytest.fixture(scope="module")
def site(filled, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "site"
    serbench("publish", folder, "--db", filled.url)
    return folder


@pytest.fixture
def opened(browser):
    """``opened(file, width=1280, …)`` opens a page; an error in its console is one of the test."""
    contexts, messages, requested = [], [], []

    def open_page(address, width=1280, **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda each: each.type == "error" and messages.append(each.text))
        tab.on("dialog", lambda dialog: (messages.append(dialog.message), dialog.dismiss()))
        tab.on("pageerror", lambda error: messages.append(str(error)))
        tab.on("request", lambda request: requested.append(request.url))
        tab.goto(address)
        return tab

    yield open_page
    for context in contexts:
        context.close()
    assert messages == []
    assert [url for url in requested if not url.startswith(("file:", "data:"))] == []


def draw_all(tab):
    """Waits for the charts, which are drawn when they come into view; their number."""
    drawings = tab.locator(".drawing")
    for place in range(drawings.count()):
        drawings.nth(place).scroll_into_view_if_needed()
        drawings.nth(place).locator("svg").wait_for()
    return drawings.count()


def column(tab, name):
    """The cells of a column of the first ranking, in the order in which they are visible."""
    names = [each.strip() for each in tab.locator("table.leaderboard thead th").all_inner_texts()]
    place = [re.sub(r" [▲▼]$", "", each) for each in names].index(name)
    rows = tab.locator("table.leaderboard tbody tr:visible")
    return [rows.nth(row).locator("th, td").nth(place).inner_text() for row in range(rows.count())]


def test_a_click_on_a_column_sorts_by_it_and_so_does_the_keyboard(site, filled, opened):
    tab = opened((site / "index.html").as_uri())
    [ranking] = rankings(filled)
    assert len(column(tab, "entry")) == len(ranking.rows)
    tab.get_by_role("button", name=re.compile("^UA, %")).click()
    falling = [float(each) for each in column(tab, "UA, %")]
    assert falling == sorted(falling, reverse=True)
    tab.get_by_role("button", name=re.compile("^UA, %")).focus()
    tab.keyboard.press("Enter")
    assert [float(each) for each in column(tab, "UA, %")] == falling[::-1]
    assert tab.locator('th[aria-sort="ascending"]').inner_text().startswith("UA, %")


def test_a_view_is_shared_by_its_address(site, opened):
    tab = opened((site / "index.html").as_uri())
    tab.get_by_label("Search").fill(FORMULA)
    expect(tab.locator("#shown")).to_contain_text("1 of 4")
    assert len(column(tab, "entry")) == 1
    tab.get_by_label("Search").fill("")
    tab.get_by_label("Front end").select_option("mel")
    tab.get_by_role("button", name="p90, ms").click()
    expect(tab.locator("#shown")).to_contain_text("3 of 4")
    expected = column(tab, "entry")
    assert len(expected) == 3
    again = opened(tab.url)
    assert column(again, "entry") == expected
    assert again.get_by_label("Front end").input_value() == "mel"
    again.get_by_role("button", name="Show all").click()
    expect(again.locator("#shown")).to_contain_text("4 of 4")
    assert len(column(again, "entry")) == 4
    assert "front" not in again.evaluate("location.hash")


def test_the_plot_names_an_entry_under_the_pointer_and_leads_to_its_page(site, opened):
    tab = opened((site / "index.html").as_uri())
    points = tab.locator(".front svg .mark-symbol.role-mark path")
    points.first.wait_for()
    points.first.hover(force=True)
    tab.wait_for_selector("#vg-tooltip-element.visible")
    shown = tab.locator("#vg-tooltip-element").inner_text()
    entry = re.search(r"entry:?\s+(\d)", shown)[1]
    points.first.click(force=True)
    tab.wait_for_url(f"**/entries/{entry}.html")


def test_a_filter_is_a_filter_of_the_plot_too(site, opened):
    tab = opened((site / "index.html").as_uri())
    points = tab.locator(".front svg .mark-symbol.role-mark path")
    points.first.wait_for()
    assert points.count() == 3  # the import has no latency
    row = tab.locator("table.leaderboard tbody tr").first
    tab.get_by_label("Search").fill(f"{row.get_attribute('data-entry')}: homebrew")
    expect(points).to_have_count(1)


def test_two_ticked_entries_are_compared(site, filled, opened):
    tab = opened((site / "index.html").as_uri())
    for entry in (1, 3):
        tab.get_by_label(f"Compare entry {entry}").check()
    tab.get_by_role("link", name="Compare entries 1 and 3").click()
    tab.wait_for_selector("#comparison table")
    [pair] = compare_entries(filled, (1, 3)).pairs
    difference = pair.differences["uar"].difference * (1 if pair.first == 1 else -1)
    verdict = tab.locator("#verdict").inner_text().replace("−", "-")
    assert f"{100 * difference:+.1f} points" in verdict
    tab.get_by_label("Second entry").select_option("2")
    assert "b=2" in tab.url


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_no_serious_fault(site, web, opened, scheme, width):
    axe = (web / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")
    datasets = sorted(path.name for path in (site / "datasets").iterdir())
    pages = ["index.html", "compare.html", "entries/1.html", *(f"datasets/{d}" for d in datasets)]
    for path in pages:
        tab = opened((site / path).as_uri(), width, color_scheme=scheme)
        tab.wait_for_load_state("load")
        draw_all(tab)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, path
        tab.evaluate(axe)
        found = tab.evaluate("axe.run({ preload: false })")["violations"]
        serious = [each for each in found if each["impact"] in ("serious", "critical")]
        listed = [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in serious]
        assert listed == [], path


def test_all_charts_of_an_entry_are_drawn(site, opened):
    tab = opened((site / "entries" / "1.html").as_uri())
    assert draw_all(tab) >= 8


def test_a_published_network_answers_in_the_browser(
    exported, run, opened, tmp_path, monkeypatch, web
):
    monkeypatch.chdir(web)
    folder = tmp_path / "site"
    serbench("publish", folder, "--try", "1", "--db", exported.planted.database.url)
    sound = np.random.default_rng(0).normal(0, 0.1, 3 * exported.samples)
    soundfile.write(tmp_path / "long.wav", sound, exported.rate, "PCM_16")
    tab = opened((folder / "entries" / "1.html").as_uri())
    tab.get_by_role("link", name="Try it").click()
    tab.wait_for_selector("#recording:enabled", timeout=60_000)
    tab.set_input_files("#recording", tmp_path / "long.wav")
    tab.wait_for_selector("#answer .best", timeout=60_000)
    names = tab.locator("#answer > div:not(.rest)").all_inner_texts()
    shares = tab.eval_on_selector_all("#answer data", "all => all.map(each => +each.value)")
    ran = run(
        "predict", exported.model, tmp_path / "long.wav", "--format", "json", "--keep-silence"
    )
    [expected] = json.loads(ran.out)
    assert dict(zip(names, shares, strict=True)) == pytest.approx(
        expected["probabilities"], abs=1e-3
    )
    assert re.search(r"one answer in \d+\.\d ms", tab.inner_text("#status"))
    windows = tab.locator("#timeline tr").all_inner_texts()[1:]
    assert len(windows) == 5
    tab.get_by_role("link", name="Entry 1").click()
    tab.wait_for_url("**/entries/1.html")
