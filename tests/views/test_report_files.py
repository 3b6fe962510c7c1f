"""The files of a report: every figure can be opened, and shows the numbers of its data."""

import csv
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from making.records import PAPERS
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from PIL import Image
from report_filling import PAPER, SCHEDULES, add_entry

from serbench.builtin.ravdess import RAVDESS
from serbench.data.audio import read_audio
from serbench.data.clips import standardise
from serbench.data.scan import scan
from serbench.plugins import Plugins
from serbench.store.database import Database
from serbench.views.printed import read_printed
from serbench.views.report.clip import envelope
from serbench.views.report.material import read_material
from serbench.views.report.paper import paper_exhibits, write_paper_report
from serbench.views.report.style import style

NAMES = ["1-sample-rates", "2-clip", "3-accuracy", "4-emotions", "5-latency", "6-calibration"]
MADE = datetime(2026, 5, 4, 3, 2, tzinfo=UTC)
PRINTED = read_printed()


@pytest.fixture(scope="module")
def whole(tmp_path_factory, made, make_corpus):
    """A report on five models × two schedules, whose recordings are all there."""
    folder = tmp_path_factory.mktemp("report")
    manifest = scan([make_corpus(folder / "tiny", speakers=4, takes=2)], "tiny", [RAVDESS]).manifest
    database = Database(f"sqlite:///{folder / 'serbench.db'}")
    for backbone in PAPER:
        for schedule in SCHEDULES:
            add_entry(database, made, manifest, backbone=backbone, schedule=schedule)
    plugins = Plugins(disabled=frozenset({"timm"}))
    out = folder / "out"
    yield SimpleNamespace(
        out=out,
        manifest=manifest,
        plugins=plugins,
        material=read_material(
            database, None, None, PRINTED.paper.backbones, PRINTED.paper.schedules
        ),
        written=write_paper_report(database, plugins, out, MADE, options=["--db", "my own.db"]),
    )
    database.engine.dispose()


def data(whole, name):
    with (whole.out / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def texts(whole, name):
    """Every text of an SVG file."""
    root = ET.parse(whole.out / f"{name}.svg").getroot()
    return ["".join(node.itertext()).strip() for node in root.iter() if node.tag.endswith("text")]


def test_every_exhibit_is_written_as_png_svg_and_csv(whole):
    names = {f"{name}.{suffix}" for name in NAMES for suffix in ("png", "svg", "csv")}
    assert {file.name for file in whole.written.files} == names | {"report.md"}
    assert {file.name for file in whole.out.iterdir()} == names | {"report.md"}
    assert whole.written.missing == ()


@pytest.mark.parametrize("name", NAMES)
def test_a_png_is_an_image_on_white_as_wide_as_a_page(whole, name):
    with Image.open(whole.out / f"{name}.png") as image:
        pixels = np.asarray(image.convert("RGB"))
    assert pixels.shape[1] == 1400
    assert (pixels[0] == 255).all()
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 10


@pytest.mark.parametrize("name", ["1-sample-rates", "3-accuracy", "4-emotions", "5-latency"])
def test_the_bars_labels_are_the_numbers_of_the_data(whole, name):
    columns = {
        "1-sample-rates": ("clips", "{:,.0f}", 1),
        "3-accuracy": ("tested_uar", "UA {:.1f}", 100),
        "4-emotions": ("recall", "{:.1f}", 100),
        "5-latency": ("p50_ms", "{:.1f} / ", 1),
    }
    column, form, scale = columns[name]
    values = [float(row[column]) for row in data(whole, name) if row[column]]
    shown = texts(whole, name)
    assert len(values) >= 1
    for value in values:
        assert any(text.startswith(form.format(scale * value)) for text in shown), value


def test_what_others_printed_is_marked_as_printed_for_another_dataset(whole):
    shown = texts(whole, "3-accuracy")
    for system in (
        "Lu et al. 2020, UA 72.6 %",
        "Lu et al. 2020, WA 71.7 %",
        "Liu et al. 2023, UA 74.26 %",
        "Liu et al. 2023, WA 73.18 %",
    ):
        assert f"{system} (printed, on IEMOCAP, four classes, another dataset)" in shown
    assert "printed by Berhoff and Lu: best WA 78.6 %, six emotions" in shown
    assert "paper, on its own dataset" in texts(whole, "4-emotions")


def test_the_clips_data_are_the_recording_itself(whole):
    clip_format = PAPERS
    audio = read_audio(whole.manifest.utterances[0].path)
    waveform = standardise(audio.mono, audio.sample_rate, clip_format)
    rows = [row for row in data(whole, "2-clip") if row["panel"] == "waveform"]
    highest = [float(row["value"]) for row in rows if row["row"] == "highest"]
    assert max(highest) == pytest.approx(waveform.max())
    assert highest == pytest.approx(envelope(waveform, len(highest))[1].tolist())


def test_the_clip_is_masked_only_where_it_is_augmented(whole):
    images = {}
    for panel in ("features", "augmented", "seen"):
        values = [float(row["value"]) for row in data(whole, "2-clip") if row["panel"] == panel]
        images[panel] = np.array(values).reshape(128, 128)
    flat = {panel: (np.ptp(image, axis=0) == 0).sum() for panel, image in images.items()}
    assert flat["features"] == 0
    assert 0 < flat["augmented"] == flat["seen"] <= 2 * 12
    spec = whole.plugins.backbones.get("homebrew").input_spec()
    normalised = (images["augmented"] - spec.mean[0]) / spec.std[0]
    np.testing.assert_allclose(images["seen"], normalised, atol=1e-4)


def test_an_envelope_holds_the_extremes_of_each_stretch():
    waveform = np.array([0.1, -0.2, 0.3, 0.4, -0.5, 0.0], dtype=np.float32)
    np.testing.assert_allclose(envelope(waveform, 3), [[-0.2, 0.3, -0.5], [0.1, 0.4, 0.0]])
    assert envelope(waveform, 100).shape == (2, 6)


def test_the_page_shows_every_figure_and_how_it_was_made(whole):
    page = whole.written.page.read_text()
    for name in NAMES:
        assert f"]({name}.png)" in page
        assert f"]({name}.csv)" in page
    command = (
        f"serbench report paper --out {whole.out} --dataset tiny --protocol speaker-2:holdout "
        "--db 'my own.db'"
    )
    assert f"| command | `{command}` |" in page
    assert "| made | 2026-05-04 03:02+00:00 |" in page
    assert f"tiny, hash {whole.manifest.hash}" in page
    assert "| synthetic | no |" in page
    assert "synthetic speech" not in page
    assert "| clips | 48 | 11,318 |" in page
    assert "not available" in page


def test_no_text_is_small_or_meets_another(whole):
    exhibits = paper_exhibits(whole.material, whole.plugins, PRINTED)
    for exhibit in exhibits:
        with style():
            figure = exhibit.draw()
            renderer = FigureCanvasAgg(figure).get_renderer()
            figure.draw(renderer)
            shown = [
                text
                for text in figure.findobj(Text)
                if text.get_visible() and text.get_text().strip()
            ]
            assert len(shown) > 5
            assert min(text.get_fontsize() for text in shown) >= 8, exhibit.name
            for axes in figure.axes:
                labels = [label for label in axes.get_yticklabels() if label.get_text()]
                extents = [label.get_window_extent(renderer) for label in labels]
                extents.sort(key=lambda box: box.y0)
                for low, high in pairwise(extents):
                    assert low.y1 <= high.y0, exhibit.name


def test_the_same_database_gives_the_same_bytes(whole, tmp_path):
    database = Database(f"sqlite:///{whole.out.parent / 'serbench.db'}")
    again = write_paper_report(database, whole.plugins, tmp_path, MADE)
    database.engine.dispose()
    for file in again.files:
        if file.suffix != ".md":
            assert file.read_bytes() == (whole.out / file.name).read_bytes(), file.name


def test_without_the_recording_there_is_one_exhibit_less_and_the_reason(database, made, tmp_path):
    manifest = made.manifest(takes=2)  # of these there are no recordings
    add_entry(database, made, manifest)
    written = write_paper_report(database, Plugins(disabled=frozenset({"timm"})), tmp_path, MADE)
    [reason] = written.missing
    assert manifest.utterances[0].path in reason
    page = written.page.read_text()
    assert f"**{reason}**" in page
    assert "2-clip.png" not in page
    assert not list(tmp_path.glob("2-clip.*"))
    assert len(list(tmp_path.glob("*.png"))) == 5


def test_a_synthetic_dataset_is_marked(database, made, tmp_path):
    manifest = made.manifest(takes=2)
    manifest = type(manifest)(manifest.name, manifest.utterances, synthetic=True)
    add_entry(database, made, manifest)
    written = write_paper_report(database, Plugins(disabled=frozenset({"timm"})), tmp_path, MADE)
    page = written.page.read_text()
    assert "| synthetic | yes |" in page
    assert "synthetic speech" in page
