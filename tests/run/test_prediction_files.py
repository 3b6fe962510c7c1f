"""Tables of predictions, read and written."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from scipy.special import log_softmax, softmax

from serbench.errors import DatasetError, UsageError
from serbench.run.prediction_files import read_predictions, write_predictions
from serbench.store.predictions import Said

FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)
ROW = "0.1,0.2,0.3,0.4,0.5,0.6"


@pytest.fixture(scope="module")
def manifest(made):
    """Four speakers × six emotions."""
    return made.manifest()


@pytest.fixture
def read(tmp_path, manifest):
    """``read(lines)`` is what a file of these lines says; ``{emotions}`` stands for the six."""

    def read_lines(*lines):
        file = tmp_path / "said.csv"
        text = "".join(f"{line}\n" for line in lines)
        file.write_text(text.replace("{emotions}", ",".join(manifest.emotions)))
        return read_predictions(file, manifest)

    return read_lines


def name(manifest, row):
    return manifest.utterances[row].path.rpartition("/")[2]


def test_a_line_is_a_clip_with_a_logit_for_each_emotion(read, manifest):
    brought = read("path,{emotions}", f"{name(manifest, 3)},1,-2,3,4,5,6.5")
    assert brought.rows.tolist() == [3]
    assert brought.logits.tolist() == [[1, -2, 3, 4, 5, 6.5]]
    assert brought.folds.tolist() == ["holdout"]
    assert brought.latencies is None


def test_columns_may_stand_in_any_order_with_spaces_and_a_byte_order_mark(read, manifest):
    emotions = list(reversed(manifest.emotions))
    brought = read(
        f"\ufefflatency, {', '.join(emotions)} ,fold,path",
        "",
        f" 7.5,6,5,4,3,2,1 ,2, {manifest.utterances[0].path}",
    )
    assert brought.logits.tolist() == [[1, 2, 3, 4, 5, 6]]
    assert brought.folds.tolist() == ["1"]  # counted from 0
    assert brought.latencies.tolist() == [7.5]


def test_probabilities_become_their_logarithms(read, manifest):
    logits = np.random.default_rng(0).normal(size=(2, 6))
    lines = [
        f"{name(manifest, row)},{','.join(map(str, softmax(logits[row])))}" for row in range(2)
    ]
    brought = read("path,{emotions}", *lines)
    np.testing.assert_allclose(brought.logits, log_softmax(logits, axis=1), rtol=1e-6)


def test_a_probability_of_nothing_is_still_a_number(read, manifest):
    brought = read("path,{emotions}", f"{name(manifest, 0)},1,0,0,0,0,0")
    assert np.isfinite(brought.logits).all()
    assert brought.logits.argmax() == 0


def test_one_line_that_does_not_sum_to_one_makes_all_of_them_logits(read, manifest):
    lines = [f"{name(manifest, 0)},1,0,0,0,0,0", f"{name(manifest, 1)},1,1,0,0,0,0"]
    assert read("path,{emotions}", *lines).logits.tolist() == [[1, 0, 0, 0, 0, 0], [1, 1] + 4 * [0]]


REFUSED = {
    "nothing at all": ([], "has no column anger, "),
    "a header alone": (["path,{emotions}"], "holds no predictions: it needs a line for each clip"),
    "no path": (["{emotions}"], "has no column path: its first line must name path, sadness, "),
    "an emotion missing": (["path,sadness,anger,disgust,fear,happiness"], "has no column neutral"),
    "an unknown column": (
        ["path,{emotions},joy"],
        "has an unknown column joy: its first line must",
    ),
    "a column twice": (["path,{emotions},fear"], "repeats column fear: its first line must name"),
    "a word": (["path,{emotions}", "{0},a,0,0,0,0,0"], "line 2: sadness is 'a', not a finite"),
    "nothing": (["path,{emotions}", "{0},,0,0,0,0,0"], "line 2: sadness is '', not a finite"),
    "NaN": (["path,{emotions}", "{0},0,nan,0,0,0,0"], "line 2: anger is 'nan', not a finite"),
    "infinity": (["path,{emotions}", "{0},0,0,0,0,0,-inf"], "neutral is '-inf', not a finite"),
    "more than is kept": (["path,{emotions}", "{0},0,0,0,0,0,1e39"], "is '1e39', not a finite"),
    "a short line": (["path,{emotions}", "{0},0,0"], "line 2 has 3 cells, the first line 7"),
    "a long line": (["path,{emotions}", f"{{0}},{ROW},1"], "line 2 has 8 cells, the first line 7"),
    "a fold of nothing": (
        ["path,{emotions},fold", f"{{0}},{ROW},0"],
        "fold is '0', neither holdout",
    ),
    "a fold by name": (
        ["path,{emotions},fold", f"{{0}},{ROW},dev"],
        "neither holdout nor a number",
    ),
    "a latency below zero": (
        ["path,{emotions},latency", f"{{0}},{ROW},-1"],
        "latency is '-1', not",
    ),
    "an unknown clip": (["path,{emotions}", f"x.wav,{ROW}"], "dataset 'small' holds no x.wav"),
    "no clip": (["path,{emotions}", f",{ROW}"], "line 2: dataset 'small' holds no"),
    "a clip twice": (
        ["path,{emotions}", f"{{0}},{ROW}", f"here/../{{0}},{ROW}"],
        "line 3 names here/../{0}, as line 2 did",
    ),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_a_mistake_is_one_line_that_names_it(read, manifest, mistake):
    lines, answer = ([*REFUSED[mistake][0]], REFUSED[mistake][1])
    first = name(manifest, 0)
    with pytest.raises((UsageError, DatasetError)) as raised:
        read(*(line.replace("{0}", first) for line in lines))
    message = str(raised.value)
    assert answer.replace("{0}", first) in message
    assert "said.csv" in message
    assert "\n" not in message


def test_a_name_that_several_recordings_end_with_asks_for_their_folders(made, tmp_path):
    twice = made.manifest(takes=1), made.manifest(folder="/there")
    both = type(twice[0])("both", twice[0].utterances + twice[1].utterances)
    file = tmp_path / "said.csv"
    file.write_text(f"path,{','.join(both.emotions)}\n{name(both, 0)},{ROW}\n")
    with pytest.raises(DatasetError, match="may be any of 2 recordings of dataset 'both': write"):
        read_predictions(file, both)


def test_a_file_that_cannot_be_read_is_one_line(tmp_path, manifest):
    with pytest.raises(UsageError, match=r"nowhere.csv cannot be read \(No such file"):
        read_predictions(tmp_path / "nowhere.csv", manifest)
    with pytest.raises(UsageError, match="cannot be read"):
        read_predictions(tmp_path, manifest)
    (tmp_path / "latin.csv").write_bytes("path,Überraschung\n".encode("latin-1"))
    with pytest.raises(UsageError, match=r"latin.csv is no CSV in UTF-8 .* save it anew"):
        read_predictions(tmp_path / "latin.csv", manifest)


@given(arrays(np.float32, (3, 6), elements=FINITE))
@settings(max_examples=30)
def test_what_is_written_is_read_back_to_the_last_digit(tmp_path_factory, manifest, logits):
    said = Said(np.array([7, 2, 5]), logits)
    text = write_predictions(manifest, [("holdout", said)])
    file = tmp_path_factory.getbasetemp() / "written.csv"
    file.write_text(text)
    brought = read_predictions(file, manifest)
    assert brought.rows.tolist() == [2, 5, 7]
    if not ((logits >= 0).all() and np.allclose(logits.sum(axis=1, dtype=float), 1, atol=1e-3)):
        np.testing.assert_array_equal(brought.logits_of(said.rows), logits)
