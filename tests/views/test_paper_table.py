"""Entries in a table for a paper: who is marked, what the formats hold, groups and the diagram."""

import csv
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from making.entries import add_entry
from making.records import utterance
from PIL import Image

from serbench.builtin.ravdess import RAVDESS
from serbench.data.emotions import SHARED_EMOTIONS
from serbench.data.manifest import make_manifest
from serbench.data.protocols import parse_protocol
from serbench.errors import UsageError
from serbench.run.imports import import_predictions
from serbench.score.confusion import score_counts
from serbench.store.database import Database
from serbench.views.comparison import compare_entries
from serbench.views.paper_formats import as_text
from serbench.views.paper_table import compare_for_paper
from serbench.views.report.ranks import write_diagram
from serbench.views.tables import Bold, export_predictions, latex_text, markdown_text

NAME = "=cmd|'/c'!A1 & 50% {x}_$\\"
CORPORA = {"ravdess": RAVDESS}
PROTOCOL = "speaker-2"


@pytest.fixture(scope="module")
def database(made, tmp_path_factory):
    """Entries 1 to 3 of high, equal and low skill; 4 and 5, of an odd name, on another dataset."""
    people = [
        replace(
            utterance(speaker, emotion, "/here", take),
            sex="male" if speaker < 3 else "female",
            path=f"/here/03-01-05-0{1 + take % 2}-01-01-{speaker:02}.wav",
        )
        for speaker in range(1, 9)
        for emotion in SHARED_EMOTIONS
        for take in range(4)
    ]
    manifest = make_manifest("small", people)
    folder = tmp_path_factory.mktemp("paper")
    found = Database(f"sqlite:///{folder / 'serbench.db'}")
    for seed, skill in enumerate((2.6, 2.6, 0.4)):
        add_entry(found, made, manifest, skill, seed, PROTOCOL)
    table = folder / "predictions.csv"
    # Paths are not unique here, so that the clips are named by other ones.
    unique = make_manifest(
        "named", [replace(each, path=f"/h/{n}.wav") for n, each in enumerate(manifest.utterances)]
    )
    add_entry(found, made, unique, 2.0, 9, PROTOCOL)
    table.write_text(export_predictions(found, 4))
    import_predictions(found, table, NAME, unique, parse_protocol(PROTOCOL), made.metrics)
    add_entry(found, made, manifest, 1.0, 5, "speaker-2:holdout")
    yield found
    found.engine.dispose()


@pytest.fixture(scope="module")
def compared(database):
    return compare_for_paper(database, CORPORA, dataset="small", traits=("sex", "intensity"))


def test_the_best_and_those_not_told_apart_from_it_are_marked(database, compared):
    by_entry = {row.view.entry: row for row in compared.rows}
    assert set(by_entry) == {1, 2, 3}
    assert [row.best for row in compared.rows] == [True, False, False]
    assert compared.rows[0].view.uar == max(row.view.uar for row in compared.rows)
    assert (compared.rows[1].alike, by_entry[3].alike) == (True, False)
    # Two entries alone are compared as `leaderboard compare` does.
    pair = compare_entries(database, [1, 3]).pairs[0].differences["uar"]
    [_, alone] = compare_for_paper(database, CORPORA, [1, 3]).rows
    assert alone.behind.difference == pytest.approx(-pair.difference)
    assert alone.behind.p == pytest.approx(pair.p)


def test_mean_ranks_are_those_of_the_speakers_recalls(compared):
    ranks = [row.mean_rank for row in compared.rows]
    assert sum(ranks) == pytest.approx(6)
    assert ranks[2] == max(ranks) == pytest.approx(3, abs=0.3)
    assert compared.mean_ranks.blocks == 8


def test_every_format_has_the_same_scores(compared):
    best = compared.rows[0].view
    low, high = best.scores["uar"].interval
    shown = f"{100 * best.uar:.1f} ({100 * low:.1f}–{100 * high:.1f})"
    latex = as_text(compared, "latex", False, "serbench report compare")
    assert rf"\textbf{{{shown.replace('–', '--')}}}" in latex
    body = latex[latex.index(r"\midrule") : latex.index(r"\bottomrule")]
    assert {line.count(" & ") for line in body.splitlines()[1:]} == {6}
    assert [line.endswith(r" \\") for line in body.splitlines()[1:]] == [True] * 3
    assert body.count(r"$^{\dagger}$") == 1
    markdown = as_text(compared, "markdown", False, "")
    assert f"**{shown}**" in markdown
    rows = list(csv.DictReader(io.StringIO(as_text(compared, "csv", False, ""))))
    assert float(rows[0]["uar"]) == best.uar
    assert (float(rows[0]["uar_ci_low"]), rows[0]["best"]) == (low, "1")
    plain = json.loads(json.dumps(compared.as_dict()))
    assert plain["schema"] == 1
    assert plain["entries"][0]["uar_ci"] == [low, high]


def test_groups_are_scored_apart_and_the_smallest_is_marked(compared):
    sexes = [group for group in compared.groups if group.trait == "sex" and group.entry == 1]
    assert {(each.group, each.speakers, each.clips, each.smallest) for each in sexes} == {
        ("female", 6, 144, False),
        ("male", 2, 48, True),
    }
    tally = next(row.view.tally for row in compared.rows if row.view.entry == 1)
    men = np.array([name in ("ravdess/01", "ravdess/02") for name in tally.speakers])
    uar = {group.group: group for group in sexes}
    assert uar["male"].uar == pytest.approx(score_counts(tally.counts[men].sum(axis=0), "uar"))
    difference = uar["male"].uar - uar["female"].uar
    assert uar["male"].difference == pytest.approx(difference)
    assert uar["female"].difference_ci == tuple(-end for end in reversed(uar["male"].difference_ci))
    intensities = {group.group for group in compared.groups if group.trait == "intensity"}
    assert intensities == {"normal", "strong"}
    text = as_text(compared, "markdown", True, "")
    assert text.count("male†") == 3
    rows = list(csv.DictReader(io.StringIO(as_text(compared, "csv", True, ""))))
    assert len(rows) == len(compared.groups) == 12


def test_a_division_into_one_group_is_refused(database):
    with pytest.raises(UsageError) as raised:
        compare_for_paper(database, CORPORA, [1, 2], traits=("corpus", "language"))
    assert raised.value.facts["traits"] == ("corpus", "language")


@pytest.mark.parametrize("numbers", [(1, 1), (1, 6)])
def test_entries_given_twice_or_of_two_protocols_are_refused(database, numbers):
    with pytest.raises(UsageError):
        compare_for_paper(database, CORPORA, numbers)


def test_an_odd_name_harms_no_format(database):
    found = compare_for_paper(database, CORPORA, dataset="named")
    row = next(cells for cells in found.rows if cells.view.entry == 5)
    assert row.label == NAME
    latex = as_text(found, "latex", False, "")
    escaped = r"=cmd\textbar{}'/c'!A1 \& 50\% \{x\}\_\$\textbackslash{}"
    assert escaped in latex
    lines = latex[latex.index(r"\midrule") : latex.index(r"\bottomrule")].splitlines()[1:]
    assert len({len(re.split(r"(?<!\\)&", line)) for line in lines}) == 1
    cells = next(csv.DictReader(io.StringIO(as_text(found, "csv", False, ""))))
    assert cells["system"].lstrip("'")[0] in "=h"
    assert f"'{NAME}" in as_text(found, "csv", False, "").replace('""', '"')


def test_text_for_latex_is_literal():
    assert latex_text("a--b [c] * ~^") == r"a-{}-b {[}c{]} {*} \textasciitilde{}\textasciicircum{}"
    assert latex_text(Bold("3–4")) == r"\textbf{3--4}"
    assert markdown_text(Bold("a*b")) == r"**a\*b**"


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_a_diagram_is_drawn_with_every_entry(compared, tmp_path, suffix):
    path = tmp_path / f"ranks.{suffix}"
    write_diagram(compared, path)
    first = path.read_bytes()
    write_diagram(compared, path)
    assert path.read_bytes() == first
    if suffix == "png":
        with Image.open(path) as image:
            assert image.width == 1400
    if suffix == "svg":
        text = first.decode()
        assert all(f"{row.mean_rank:.2f}" in text for row in compared.rows)
        assert "critical difference" in text or "no difference" in text


def test_a_diagram_of_two_entries_or_of_another_kind_is_refused(database, compared, tmp_path):
    with pytest.raises(UsageError):
        write_diagram(compare_for_paper(database, CORPORA, [1, 2]), tmp_path / "a.png")
    with pytest.raises(UsageError):
        write_diagram(compared, tmp_path / "a.bmp")
    assert list(tmp_path.iterdir()) == []
