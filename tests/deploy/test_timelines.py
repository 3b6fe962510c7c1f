"""Predictions as plain data: JSON, CSV and RTTM."""

import json
from pathlib import Path

from serbench.deploy.answering import Prediction
from serbench.deploy.predict import FilePrediction
from serbench.deploy.timelines import as_dict, csv_columns, csv_rows, rttm_lines
from serbench.deploy.windows import Window
from serbench.errors import AudioError

FEAR, CALM = Prediction({"fear": 0.75, "calm": 0.25}), Prediction({"fear": 0.125, "calm": 0.875})
LONG = FilePrediction(
    Path("calls/monday one.wav"),
    4.0,
    Prediction({"fear": 0.4375, "calm": 0.5625}, rejected=True),
    (
        Window(0.0, 2.0, FEAR),
        Window(1.0, 3.0, None),
        Window(2.0, 4.0, CALM),
    ),
    ("odd",),
)
SHORT = FilePrediction(Path("clips/a.wav"), 1.25, FEAR)
BAD = AudioError("bad.wav", "empty file")

RTTM = """\
SPEAKER monday_one 1 0.000 1.500 <NA> <NA> fear 0.750 <NA>
SPEAKER monday_one 1 2.500 1.500 <NA> <NA> calm 0.875 <NA>
SPEAKER a 1 0.000 1.250 <NA> <NA> fear 0.750 <NA>
"""


def test_rttm_has_a_line_of_ten_fields_for_each_segment():
    assert "".join(f"{line}\n" for line in rttm_lines([LONG, SHORT])) == RTTM
    assert {len(line.split(" ")) for line in rttm_lines([LONG, SHORT])} == {10}


def test_in_rttm_files_of_one_name_are_named_with_their_folder():
    other = FilePrediction(Path("more clips/a.flac"), 1.0, CALM)
    names = [line.split()[1] for line in rttm_lines([SHORT, other, LONG])]
    assert names == ["clips/a", "more_clips/a", "monday_one", "monday_one"]


def test_json_has_the_same_keys_for_every_file():
    long, short, bad = (as_dict("x.wav", each) for each in (LONG, SHORT, BAD))
    assert long.keys() == short.keys() == bad.keys()
    assert json.loads(json.dumps(long, allow_nan=False)) == long
    assert (long["emotion"], long["confidence"], long["rejected"]) == (None, 0.5625, True)
    assert [part["emotion"] for part in long["timeline"]] == ["fear", None, "calm"]
    assert [part["silent"] for part in long["timeline"]] == [False, True, False]
    assert long["timeline"][2]["probabilities"] == CALM.probabilities
    assert (short["emotion"], short["seconds"], short["timeline"]) == ("fear", 1.25, [])
    assert (bad["emotion"], bad["timeline"], bad["error"]) == (None, [], str(BAD))


def test_csv_has_a_row_for_the_file_and_one_for_each_window():
    columns = csv_columns(("fear", "calm"))
    whole, first, silent, last = csv_rows("x.wav", LONG)
    assert all(row.keys() <= set(columns) for row in (whole, first, silent, last))
    assert [row["part"] for row in (whole, first, last)] == ["file", "window", "window"]
    assert (whole["start"], whole["end"], whole["emotion"]) == (0.0, 4.0, None)
    assert (last["start"], last["end"], last["emotion"], last["p_calm"]) == (2, 4, "calm", 0.875)
    assert silent["silent"]
    assert "p_calm" not in silent
    assert [row["part"] for row in csv_rows("x.wav", SHORT)] == ["file"]
    assert list(csv_rows("x.wav", BAD)) == [{"path": "x.wav", "part": "file", "error": str(BAD)}]
