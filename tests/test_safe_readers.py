"""Nothing that serbench reads can execute code: the readers of files are named here."""

import re
from pathlib import Path

import pytest

import serbench

PACKAGE = Path(serbench.__file__).parent

OWN_PROCESSES = {
    *("execute/worker.py", "execute/processes.py", "testing/anything.py"),
    *("execute/ray_cluster.py", "execute/ray_worker.py"),
}
"""Modules that pickle what passes between serbench's own processes, or in a test of a plugin."""

UNSAFE = {
    r"\bpickle\.loads?\(": OWN_PROCESSES,
    r"yaml\.(?!safe_|YAMLError)": set(),
    r"allow_pickle=True|joblib|dill|shelve|marshal\.": set(),
    r"(?<!\.)\b(eval|exec)\(": set(),
    r"shell=True|os\.system\(": set(),
}


@pytest.mark.parametrize("pattern", UNSAFE)
def test_no_reader_executes_code(pattern):
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(pattern, line) and "pickle.loads(pickle.dumps(" not in line
    }
    assert found <= UNSAFE[pattern]


def test_pytorch_files_are_read_as_weights_only():
    calls = [
        (path.name, line.strip())
        for path in PACKAGE.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"torch\.load\(|torch\.hub\.", line)
    ]
    assert calls
    assert all("weights_only=True" in line for _, line in calls), calls
