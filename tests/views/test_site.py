"""The files of a site, without a browser."""

import base64
import csv
import io
import itertools
import json
import re
import zlib
from html.parser import HTMLParser
from types import SimpleNamespace

import pandas
import pytest
from making.sites import FORMULA, HTML, OTHER, fill

from serbench.data.doctor.finding import Finding
from serbench.errors import UsageError
from serbench.store.database import Database
from serbench.store.datasets import Datasets
from serbench.views.comparison import compare_entries
from serbench.views.detail import entry_detail
from serbench.views.eligible import Wanted
from serbench.views.frames import ranking_frame
from serbench.views.model_card import LIMITS, USE
from serbench.views.ranking import rankings
from serbench.views.recommendation import recommend
from serbench.views.site.folder import MARKER, publish
from serbench.views.site.site import Site

VOID = {"meta", "link", "input", "br", "source"}

OPTIONAL = {"tr", "td", "th", "thead", "tbody", "li", "p", "dt", "dd"}
"""Elements whose end tags HTML lets a page leave out."""

BLOCKS = ("details", "div", "dl", "footer", "h2", "h3", "nav", "p", "pre", "section", "table", "ul")
"""Elements that end a paragraph."""


def unpacked(text):
    """What `packed` packs."""
    return json.loads(zlib.decompress(base64.b64decode(text)))


class Page(HTMLParser):
    """The elements of a page: links, anchors, scripts, tables as lists of rows of texts."""

    def __init__(self, text):
        super().__init__()
        self.links, self.anchors, self.scripts, self.tables = [], set(), [], []
        self.open, self.headings, self.captions, self.text = [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        inside = {"td": ("td", "th"), "th": ("td", "th"), "tr": ("td", "th", "tr")}
        inside |= {"tbody": ("td", "th", "tr", "thead"), "li": ("li",), "dd": ("dt",)}
        inside |= dict.fromkeys(BLOCKS, ("p",))
        while tag in inside and self.open[-1] in inside[tag]:
            self.open.pop()
        if tag not in VOID:
            self.open.append(tag)
        if "id" in found:
            assert found["id"] not in self.anchors
            self.anchors.add(found["id"])
        self.links += [found[name] for name in ("href", "src") if name in found]
        assert not any(name.startswith("on") or name == "style" for name in found)
        if tag == "script":
            self.scripts.append(found)
        elif tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag):
        while self.open[-1] != tag:
            assert self.open.pop() in OPTIONAL
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1]["content"] = data
            return
        self.text.append(data)
        if {"td", "th"} & set(self.open):
            self.tables[-1][-1][-1] += data.strip()
        if self.open and self.open[-1] in ("h1", "h2", "h3"):
            self.headings.append((self.open[-1], data))
        if "caption" in self.open:
            self.captions.append(data)

    def table(self, *columns):
        """The rows of the table whose heading begins with these columns, as dictionaries."""
        [found] = [each for each in self.tables if each[0][: len(columns)] == list(columns)]
        return [dict(zip(found[0], row, strict=True)) for row in found[1:]]


@pytest.fixture(scope="module")
def filled(tmp_path_factory, made):
    database = fill(tmp_path_factory.mktemp("filled"), made)
    yield database
    database.engine.dispose()


@pytest.fixture(scope="module")
def site(filled, tmp_path_factory, made):
    """The folder of the site."""
    folder = tmp_path_factory.mktemp("site") / "new" / "site"
    publish(Site(filled, made.metrics), folder)
    return folder


@pytest.fixture(scope="module")
def pages(site):
    """Address → page."""
    found = {str(file.relative_to(site)): file.read_text("utf-8") for file in site.rglob("*.html")}
    return {path: Page(text) for path, text in found.items()}


def test_every_link_leads_to_a_file_or_an_anchor_of_the_site(site, pages):
    assert {"index.html", "compare.html", "entries/1.html", "datasets/cross.html"} < pages.keys()
    for path, page in pages.items():
        for link in page.links:
            if link.startswith("data:"):
                continue
            target, _, anchor = link.partition("#")
            file = (site / path).parent / target if target else site / path
            assert file.is_file(), (path, link)
            assert "=" in anchor or not anchor or anchor in page.anchors, (path, link)


def test_names_are_text_and_never_elements(site, pages):
    for path, page in pages.items():
        assert HTML not in (site / path).read_text("utf-8"), path
        for script in page.scripts:
            assert "src" in script or script["type"] in ("application/json", "text/plain"), path
    shown = "".join(pages["index.html"].text) + "".join(pages["entries/1.html"].text)
    assert HTML in shown
    assert FORMULA in shown


def test_a_policy_allows_only_scripts_of_the_site(site, pages):
    for path in pages:
        [policy] = re.findall(
            r'Content-Security-Policy" content="([^"]*)"', (site / path).read_text("utf-8")
        )
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy


def test_every_page_has_one_first_heading_and_every_table_a_caption(pages):
    for path, page in pages.items():
        levels = [level for level, _ in page.headings]
        assert levels[0] == "h1", path
        assert levels.count("h1") == 1, path
        assert len(page.captions) == len(page.tables), path
        assert all(page.captions), path


def test_without_javascript_the_first_page_has_the_ranking_and_the_recommendation(filled, pages):
    [ranking] = rankings(filled)
    found = pages["index.html"].table("entry", "#", "UA, %")
    assert [row["entry"].partition(":")[0] for row in found] == [str(r.entry) for r in ranking.rows]
    for row, view in zip(found, ranking.rows, strict=True):
        low, high = view.scores["uar"].interval
        assert row["UA, %"] == f"{100 * view.uar:.1f}"
        assert row["95 % CI"] == f"{100 * low:.1f}–{100 * high:.1f}"
        assert row["p90, ms"] == ("–" if view.latency.p90 is None else f"{view.latency.p90:.1f}")
    wanted = Wanted(protocol=ranking.rows[0].protocol_id)
    told = recommend(filled, wanted)
    text = " ".join("".join(pages["index.html"].text).split())
    assert " ".join(told.sentences[:2]) in text
    gains = {str(each.view.entry): each.gain.difference for each in told.others}
    for row in found:
        number = row["entry"].partition(":")[0]
        if number in gains:
            assert row["against the recommended"].startswith(f"{100 * gains[number]:+.1f}")
    assert [row["against the recommended"] for row in found].count("recommended") == 1


def test_each_runtime_and_number_of_threads_has_a_page(filled, pages):
    for path, runtime, threads in (
        ("rankings/eager-1.html", "eager", 1),
        ("rankings/onnx-1.html", "onnx", 1),
        ("rankings/eager-2.html", "eager", 2),
    ):
        expected = rankings(filled, threads=threads, runtime=runtime)
        rows = [row for table in pages[path].tables for row in table[1:]]
        assert len(rows) == sum(len(ranking.rows) for ranking in expected)


def test_the_data_are_those_of_the_leaderboard(filled, site):
    found = rankings(filled)
    rows = [row for ranking in found for row in ranking.rows]
    data = json.loads((site / "data" / "leaderboard.json").read_text("utf-8"))
    listed = [dict(zip(data["columns"], row, strict=True)) for row in data["rows"]]
    assert listed == json.loads(json.dumps([row.as_dict() for row in rows]))
    frame = pandas.read_parquet(site / "data" / "leaderboard.parquet")
    pandas.testing.assert_frame_equal(frame, ranking_frame(found), check_dtype=False)
    listed = list(csv.DictReader(io.StringIO((site / "data" / "leaderboard.csv").read_text())))
    assert [float(row["uar"]) for row in listed] == [row.uar for row in rows]
    cells = [cell for row in listed for cell in row.values()]
    assert f"'{FORMULA}" in cells
    for cell in cells:
        assert not cell.startswith(("=", "@", "+")), cell
        assert not cell.startswith("-") or float(cell) < 0


def test_the_page_of_an_entry_has_its_numbers_as_tables(filled, pages):
    detail, page = entry_detail(filled, 1), pages["entries/1.html"]
    confusion = page.table("true emotion", *detail.emotions)
    assert [[int(row[name]) for name in detail.emotions] for row in confusion] == detail.confusion
    recalls = page.table("emotion", "clips", "recall, %", "95 % CI", "the paper, %")
    assert [row["recall, %"] for row in recalls] == [f"{100 * r:.1f}" for r in detail.recalls]
    assert {row["emotion"]: row["the paper, %"] for row in recalls}["sadness"] == "68.9"
    speakers = page.table("speaker", "clips", "UA, %")
    assert [row["speaker"] for row in speakers] == [group.name for group in detail.speakers]
    assert len(page.table("runtime", "threads", "p50")) == 3
    assert len(page.table("trial", "state", "mean UA, %")) == 5
    assert {row["fold"] for row in page.table("fold", "epochs", "best epoch")} == {"1", "2", "last"}
    [elsewhere] = page.table("dataset", "UA, %", "95 % CI", "emotions")
    assert elsewhere["dataset"] == OTHER
    headings = [text for _, text in page.headings]
    for heading in ("Scores", "Search", "Latency", "Model card", "Reproduce it"):
        assert heading in headings


def test_an_import_has_a_page_without_a_study(pages):
    headings = [text for _, text in pages["entries/4.html"].headings]
    assert "Search" not in headings
    assert "Emotions" in headings


def test_the_matrix_has_the_entry_on_both_datasets(filled, pages):
    [row] = pages["datasets/cross.html"].table("entry", "trained on")
    assert row["trained on"] == HTML
    assert row[HTML].startswith(f"{100 * entry_detail(filled, 1).view.uar:.1f}")
    assert row[OTHER] != "–"


def test_any_two_entries_are_compared_as_by_the_command(filled, site):
    data = unpacked((site / "data" / "compare.js").read_text("utf-8").split('"')[1])
    assert data["entries"].keys() == {"1", "2", "3", "4"}
    [group] = data["groups"]
    found = zip(group["below"], group["further"], group["p"], strict=True)
    places = itertools.combinations(range(4), 2)
    for (first, second), (below, further, p) in zip(places, found, strict=True):
        one, other = group["entries"][first], group["entries"][second]
        [pair] = compare_entries(filled, (one, other)).pairs
        expected = pair.differences["uar"]
        sign = 1 if pair.first == one else -1
        low, high = sorted(sign * end for end in expected.interval)
        lead = (group["scores"][first] - group["scores"][second]) / 100
        assert [lead, lead - below, lead + below + further] == pytest.approx(
            [1e4 * sign * expected.difference, 1e4 * low, 1e4 * high], abs=1
        )
        assert p == pytest.approx(1000 * expected.p, abs=1)


def test_findings_of_an_inspection_are_shown_without_paths(filled, made):
    finding = Finding("clipping", "warning", HTML, ("/here/secret.wav",), "3 %", "look at")
    Datasets(filled).save_findings(OTHER, [finding])
    found = Site(filled, made.metrics).read(f"datasets/{OTHER}.html").decode()
    assert "/here/secret.wav" not in found
    [row] = Page(found).table("finding", "subject", "measured", "suggestion")
    assert list(row.values()) == ["clipping", HTML, "3 %", "look at"]


def test_a_dataset_that_was_not_inspected_names_the_command(pages):
    [page] = [page for page in pages.values() if page.headings[0][1] == f"Dataset {HTML}"]
    assert f"serbench corpus doctor '{HTML}'" in "".join(page.text)


def test_charts_of_one_form_share_their_specification(site, pages):
    entries = [pages[f"entries/{number}.html"] for number in (1, 2, 3)]
    drawn = [unpacked(page.scripts[-1]["content"]) for page in entries]
    names = [[each["chart"] for each in charts] for charts in drawn]
    assert names[0]
    for name in {name for each in names for name in each}:
        assert (site / "assets" / "charts" / f"{name}.js").is_file()
    assert len({each[1] for each in names}) == 1  # the confusion matrix


def test_a_page_and_the_file_of_a_chart_have_its_data_together(filled, site, pages):
    charts = unpacked(pages["entries/1.html"].scripts[-1]["content"])
    [recalls] = [each for each in charts if each["title"]["text"] == "Recall of each emotion"]
    script = (site / "assets" / "charts" / f"{recalls['chart']}.js").read_text("utf-8")
    fields = json.loads(script[script.index("] = ") + 4 : script.rindex(";")])["fields"]
    place = list(fields).index("rows")
    rows = dict(zip(fields["rows"], recalls["columns"][place], strict=True))
    detail = entry_detail(filled, 1)
    assert rows["emotion"] == list(detail.emotions)
    assert rows["recall"] == pytest.approx(detail.recalls, abs=1e-4)


def test_limits_that_all_entries_share_are_on_one_page(pages):
    assert "../limits.html" in pages["entries/1.html"].links
    text = "".join(pages["limits.html"].text)
    for sentence in (*LIMITS, *USE):
        assert sentence in text


def files(**contents):
    """A site with these files."""
    return SimpleNamespace(
        paths=list(contents), read=contents.get, charts={"chart.js": b"1"}, entry_pages=[]
    )


def test_a_second_site_replaces_the_first_one_and_nothing_else(tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    publish(files(index=b"old", gone=b"an entry that is deleted"), folder)
    marker = json.loads((folder / MARKER).read_text())
    marker["files"].append("../kept")
    (folder / MARKER).write_text(json.dumps(marker))
    (tmp_path / "kept").write_text("not of the site")
    (folder / "CNAME").write_text("example.org")
    written = publish(files(index=b"new"), folder)
    assert {each.name for each in folder.iterdir()} == {"index", "chart.js", "CNAME", MARKER}
    assert (folder / "index").read_bytes() == b"new"
    assert written.files == 3
    assert (tmp_path / "kept").exists()


def test_several_processes_write_the_same_files(filled, made, tmp_path):
    alone, several = tmp_path / "alone", tmp_path / "several"
    publish(Site(filled, made.metrics, {1: "<p>"}), alone, processes=1)
    publish(Site(filled, made.metrics, {1: "<p>"}), several, processes=2)
    found = {each.relative_to(alone): each.read_bytes() for each in _files(alone)}
    assert found == {each.relative_to(several): each.read_bytes() for each in _files(several)}


def _files(folder):
    return [each for each in folder.rglob("*") if each.is_file()]


def test_another_folder_is_refused(tmp_path):
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter.tex").write_text("years of work")
    for place in (other, other / "chapter.tex"):
        with pytest.raises(UsageError) as refused:
            publish(files(index=b"new"), place)
        assert refused.value.facts["path"] == place
    assert [each.name for each in other.iterdir()] == ["chapter.tex"]


def test_a_database_without_entries_is_refused(tmp_path, made):
    database = Database(f"sqlite:///{tmp_path / 'serbench.db'}")
    Datasets(database).save_scan(made.scanned(made.manifest()))
    with pytest.raises(UsageError):
        Site(database, made.metrics)
    database.engine.dispose()
