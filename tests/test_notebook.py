"""The example notebook runs from top to bottom, and carries no outputs."""

import ast
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[1] / "docs" / "notebook.ipynb"


@pytest.fixture(scope="module")
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_it_is_stored_without_outputs(notebook):
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert all(not cell.outputs and cell.execution_count is None for cell in code)


def test_it_runs_and_its_recalls_are_the_tuning_score_of_the_leaderboard(notebook, tmp_path):
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    ran = client.execute()
    assert (tmp_path / "notebook.db").exists()
    [compared] = [cell for cell in ran.cells if "recalls.mean()" in cell.source]
    mean, uar = ast.literal_eval(compared.outputs[0]["data"]["text/plain"])
    assert mean == pytest.approx(uar)
