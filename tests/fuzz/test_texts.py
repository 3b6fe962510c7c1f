"""A short run of the fuzzer of text files; `python tests/fuzz/texts.py` runs it at length."""

import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="alarms of POSIX")


def test_mutated_files_are_accepted_or_refused_in_one_line():
    from texts import fuzz

    found = fuzz(cases=12, seed=1, limit=300)
    assert found.failures == []
    assert {kind for kind, code in found.codes if code == 0} == {kind for kind, _ in found.codes}
