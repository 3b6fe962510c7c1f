"""A short run of the fuzzer of files with networks; ``tests/fuzz/models.py`` runs it at length."""

import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

PATIENT = 60.0
"""A long time limit, so that a busy machine is not a finding."""


def test_mutated_networks_are_used_or_refused(tmp_path):
    from fuzz import models

    account = models.run(20, 1, tmp_path, PATIENT)
    assert account.wrong == []
    assert account.outcomes["predict: exit 0"] > 0
    assert account.outcomes["predict: exit 2"] > 9
    assert account.outcomes["weights: read"] > 3
    assert account.outcomes["weights: refused"] > 9
    assert account.outcomes.total() == 3 * 21
