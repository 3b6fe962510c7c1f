"""Tables of predictions, read and written."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from scipy.special import log_softmax, softmax

from serbench.errors import DatasetError, UsageError
from serbench.store.prediction_files import read_predictions, write_predictions
from serbench.store.predictions import Predictions

FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)
EVERY = ("anger", "disgust", "fear", "happiness", "neutral", "path", "sadness")
ROW = "0.1,0.2,0.3,0.4,0.5,0.6"


@pytest.fixture(scope="module")
def manifest(made):
    """Four speakers × six emotions."""
    return made.manifest()


@pytest.fixture
def read(tmp_path, manifest):
    """``read(lines)`` reads a file of these lines, with the six emotions for ``{emotions}``."""

    def read_lines(*lines, kind=None):
        file = tmp_path / "predictions.csv"
        text = "".join(f"{line}\n" for line in lines)
        file.write_text(text.replace("{emotions}", ",".join(manifest.emotions)))
        return read_predictions(file, manifest, kind)

    return read_lines


def name(manifest, row):
    return manifest.utterances[row].path.rpartition("/")[2]


def test_a_line_is_a_clip_with_a_logit_for_each_emotion(read, manifest):
    table = read("path,{emotions}", f"{name(manifest, 3)},1,-2,3,4,5,6.5")
    assert table.rows.tolist() == [3]
    assert table.logits.tolist() == [[1, -2, 3, 4, 5, 6.5]]
    assert table.folds.tolist() == ["holdout"]
    assert table.latencies is None


def test_columns_may_be_in_any_order_with_spaces_and_a_byte_order_mark(read, manifest):
    emotions = list(reversed(manifest.emotions))
    table = read(
        f"\ufefflatency, {', '.join(emotions)} ,fold,path",
        "",
        f" 7.5,6,5,4,3,2,1 ,2, {manifest.utterances[0].path}",
    )
    assert table.logits.tolist() == [[1, 2, 3, 4, 5, 6]]
    assert table.folds.tolist() == ["2"]
    assert table.latencies.tolist() == [7.5]


def test_folds_keep_the_names_they_have_in_the_file(read, manifest):
    labels = ["0", "dev", "", "holdout", "fold-2"]
    lines = [f"{name(manifest, row)},{ROW},{label}" for row, label in enumerate(labels)]
    table = read("path,{emotions},fold", *lines)
    assert table.folds.tolist() == ["0", "dev", "holdout", "holdout", "fold-2"]


def test_probabilities_become_their_logarithms(read, manifest):
    logits = np.random.default_rng(0).normal(size=(2, 6))
    lines = [
        f"{name(manifest, row)},{','.join(map(str, softmax(logits[row])))}" for row in range(2)
    ]
    table = read("path,{emotions}", *lines)
    np.testing.assert_allclose(table.logits, log_softmax(logits, axis=1), rtol=1e-6)


def test_a_probability_of_nothing_is_still_a_number(read, manifest):
    table = read("path,{emotions}", f"{name(manifest, 0)},1,0,0,0,0,0")
    assert np.isfinite(table.logits).all()
    assert table.logits.argmax() == 0


@pytest.mark.parametrize("digits", [1, 2, 3])
@pytest.mark.parametrize("scale", [1, 100])
def test_rounded_probabilities_are_recognised(read, manifest, digits, scale):
    exact = softmax(np.random.default_rng(1).normal(size=(6, 6)), axis=1)
    shown = [[f"{scale * value:.{digits}f}" for value in row] for row in exact]
    if digits == 1 and scale == 1:
        shown = [["0.5", "0.2", "0.1", "0.1", "0.1", "0.0"]] * 6
        exact = np.array(shown, dtype=float)
    lines = [f"{name(manifest, row)},{','.join(cells)}" for row, cells in enumerate(shown)]
    table = read("path,{emotions}", *lines)
    kept = np.exp(table.logits.astype(float))
    np.testing.assert_allclose(kept, exact, atol=1.1 * 10.0**-digits / scale)
    assert kept.min() >= 0.5 * 10.0**-digits / scale * 0.99, "half of the last digit at least"


def test_whole_per_cent_are_recognised(read, manifest):
    table = read("path,{emotions}", f"{name(manifest, 0)},51,33,17,0,0,0")
    np.testing.assert_allclose(
        np.exp(table.logits[0]), [51 / 101, 33 / 101, 17 / 101, 0.005, 0.005, 0.005], rtol=1e-5
    )


def test_numbers_that_are_not_near_to_probabilities_are_logits(read, manifest):
    assert read("path,{emotions}", f"{name(manifest, 0)},3,0,1,0,0,2").logits.tolist() == [
        [3, 0, 1, 0, 0, 2]
    ]


def test_where_some_lines_sum_to_one_and_others_do_not_the_kind_is_asked_for(read, manifest):
    lines = [f"{name(manifest, 0)},1,0,0,0,0,0", f"{name(manifest, 1)},1,1,0,0,0,0"]
    with pytest.raises(UsageError) as refusal:
        read("path,{emotions}", *lines)
    assert (refusal.value.facts["line"], refusal.value.facts["total"]) == (3, 2)
    logits = read("path,{emotions}", *lines, kind="logits").logits
    assert logits.tolist() == [[1, 0, 0, 0, 0, 0], [1, 1] + 4 * [0]]
    halved = read("path,{emotions}", *lines, kind="probabilities").logits
    np.testing.assert_allclose(np.exp(halved[1, :2]), [0.5, 0.5])


@pytest.mark.parametrize("row", ["1,-0.1,0,0,0,0", "0,0,0,0,0,0"])
def test_stated_probabilities_that_are_none_are_refused(read, manifest, row):
    with pytest.raises(UsageError) as refusal:
        read("path,{emotions}", f"{name(manifest, 0)},{row}", kind="probabilities")
    assert refusal.value.facts["line"] == 2


def test_a_stated_kind_is_part_of_what_was_imported(read, manifest):
    line = f"{name(manifest, 0)},1,0,0,0,0,0"
    digests = {read("path,{emotions}", line, kind=kind).digest for kind in ("logits", None)}
    assert len(digests) == 2


def test_semicolons_and_decimal_commas_are_read(read, manifest):
    header = "path;" + ";".join(manifest.emotions)
    table = read(header, f"{name(manifest, 0)};-1,5;0;0;0;0;2,25")
    assert table.logits.tolist() == [[-1.5, 0, 0, 0, 0, 2.25]]


def test_emotions_may_have_any_of_their_names(read, manifest):
    table = read("path,sad,Angry,DIS,Angst,hap,NEU", f"{name(manifest, 0)},1,2,3,4,5,-6")
    assert table.logits.tolist() == [[1, 2, 3, 4, 5, -6]]


REFUSED = {
    "nothing at all": ([], {"problem": "has no", "columns": EVERY}),
    "a header alone": (["path,{emotions}"], {}),
    "no path": (["{emotions}"], {"problem": "has no", "columns": ("path",)}),
    "an emotion missing": (
        ["path,sadness,anger,disgust,fear,happiness"],
        {"problem": "has no", "columns": ("neutral",)},
    ),
    "an unknown column": (
        ["path,{emotions},stress"],
        {"problem": "has an unknown", "columns": ("stress",)},
    ),
    "a column twice": (["path,{emotions},fear"], {"problem": "repeats", "columns": ("fear",)}),
    "a word": (["path,{emotions}", "{0},a,0,0,0,0,0"], {"column": "sadness", "text": "a"}),
    "nothing": (["path,{emotions}", "{0},,0,0,0,0,0"], {"column": "sadness", "text": ""}),
    "NaN": (["path,{emotions}", "{0},0,nan,0,0,0,0"], {"column": "anger", "text": "nan"}),
    "infinity": (["path,{emotions}", "{0},0,0,0,0,0,-inf"], {"column": "neutral", "text": "-inf"}),
    "more than is kept": (["path,{emotions}", "{0},0,0,0,0,0,1e39"], {"text": "1e39"}),
    "a short line": (["path,{emotions}", "{0},0,0"], {"line": 2, "cells": 3}),
    "a long line": (["path,{emotions}", f"{{0}},{ROW},1"], {"line": 2, "cells": 8}),
    "a latency below zero": (
        ["path,{emotions},latency", f"{{0}},{ROW},-1"],
        {"column": "latency", "text": "-1"},
    ),
    "an unknown clip": (["path,{emotions}", f"x.wav,{ROW}"], {"clip": "x.wav", "matches": 0}),
    "no clip": (["path,{emotions}", f",{ROW}"], {"clip": "", "matches": 0}),
    "a clip twice": (
        ["path,{emotions}", f"{{0}},{ROW}", f"here/../{{0}},{ROW}"],
        {"line": 3, "clip": "here/../{0}", "first": 2},
    ),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_a_mistake_is_named_with_its_place(read, manifest, mistake):
    lines, facts = REFUSED[mistake]
    first = name(manifest, 0)
    with pytest.raises((UsageError, DatasetError)) as raised:
        read(*(line.replace("{0}", first) for line in lines))
    expected = {
        key: value.replace("{0}", first) if isinstance(value, str) else value
        for key, value in facts.items()
    }
    assert raised.value.facts.items() >= expected.items()
    message = str(raised.value)
    assert "predictions.csv" in message
    assert "\n" not in message


def test_a_name_that_several_recordings_end_with_is_refused(made, tmp_path):
    twice = made.manifest(takes=1), made.manifest(folder="/there")
    both = type(twice[0])("both", twice[0].utterances + twice[1].utterances)
    file = tmp_path / "predictions.csv"
    file.write_text(f"path,{','.join(both.emotions)}\n{name(both, 0)},{ROW}\n")
    with pytest.raises(DatasetError) as raised:
        read_predictions(file, both)
    assert raised.value.facts["matches"] == 2


@pytest.mark.parametrize("file", ["nowhere.csv", ".", "latin.csv"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, manifest, file):
    (tmp_path / "latin.csv").write_bytes("path,Überraschung\n".encode("latin-1"))
    with pytest.raises(UsageError) as raised:
        read_predictions(tmp_path / file, manifest)
    assert raised.value.facts["path"] == tmp_path / file


@given(arrays(np.float32, (3, 6), elements=FINITE))
@settings(max_examples=30)
def test_what_is_written_is_read_back_to_the_last_digit(tmp_path_factory, manifest, logits):
    predictions = Predictions(np.array([7, 2, 5]), logits)
    text = write_predictions(manifest, [("holdout", predictions)])
    file = tmp_path_factory.getbasetemp() / "written.csv"
    file.write_text(text)
    table = read_predictions(file, manifest, "logits")
    assert table.rows.tolist() == [2, 5, 7]
    np.testing.assert_array_equal(table.logits_of(predictions.rows), logits)
