"""Reading and rescoring results does not wait for torch."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module",
    [
        "serbench.views.leaderboard",
        "serbench.views.comparison",
        "serbench.views.entry",
        "serbench.store.entries",
        "serbench.views.exports",
        "serbench.run.imports",
        "serbench.views.study",
    ],
)
def test_torch_is_not_imported(module):
    code = f"import sys, {module}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
