"""Checks of a contract that a plugin fails."""

import sys

import pytest

from serbench.testing import verdicts


def failures(kind, thing):
    """Names of the failed checks, without the export to ONNX, which takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "onnxscript", None)
        return {
            verdict.check.replace(" ", "_")
            for verdict in verdicts(kind, thing)
            if verdict.result == "failed"
        }
