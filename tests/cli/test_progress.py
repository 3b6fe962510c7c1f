"""Lines about a running study."""

import io

import pytest
from making.options import PLUGINS, plans_of
from rich.console import Console

from serbench.cli.forecasts import shown_value
from serbench.cli.progress import PlainListener

[WHISPER] = plans_of(backbone=("whisper_tiny.en",))
LONG = list(WHISPER.readouts)


def line_about(there, here):
    text = io.StringIO()
    listener = PlainListener(WHISPER, PLUGINS, (), Console(file=text, soft_wrap=True))
    listener.differs(3, {"readouts": (there, here)})
    return text.getvalue()


@pytest.mark.parametrize(("there", "here"), [(LONG, ["2/mean"]), (["2/mean"], LONG)])
def test_many_read_outs_are_given_by_their_number_and_the_first_one(there, here):
    words = set(line_about(there, here).split())
    assert {str(len(LONG)), "read-outs,", LONG[0], "2/mean"} <= words
    assert words.isdisjoint(LONG[1:])


def test_lists_that_differ_only_behind_the_first_one_are_given_in_full():
    line = line_about(LONG, [LONG[0], *LONG[:0:-1]])
    assert all(readout in line for readout in LONG)


def test_a_plan_is_named_by_one_read_out_or_their_number():
    assert shown_value(WHISPER, "readout").startswith(f"{len(LONG)} ")
    [single] = plans_of(backbone=("whisper_tiny.en",), readout=("2/mean",))
    assert shown_value(single, "readout") == "2/mean"
