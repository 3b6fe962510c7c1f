"""Reading and rescoring results does not wait for torch."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module",
    [
        "serbench.results.leaderboard",
        "serbench.results.comparison",
        "serbench.results.entry_page",
        "serbench.results.entries",
        "serbench.results.exports",
        "serbench.results.imports",
        "serbench.results.overview",
    ],
)
def test_torch_is_not_imported(module):
    code = f"import sys, {module}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
