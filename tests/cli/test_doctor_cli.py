"""``serbench doctor``: what this machine has."""

import json

import pytest

from serbench.model.machine import this_machine


@pytest.fixture(autouse=True)
def hub(monkeypatch):
    """The hub cannot be reached, which is not tried."""
    monkeypatch.setattr("serbench.run.doctor.is_reachable", lambda url: False)
    monkeypatch.setattr("serbench.run.doctor.getproxies", dict)


def examined(run, *options):
    ran = run("doctor", "--format", "json", *options)
    found = json.loads(ran.out)
    return ran.code, {check["name"]: check for check in found["checks"]}, found


def test_it_states_what_there_is_and_what_to_do(run, finished):
    code, checks, found = examined(run, "--db", finished.db)
    assert (code, found["broken"]) == (0, 0)
    assert checks["machine"]["found"] == this_machine().name
    assert {"Python", "PyTorch", "threads", "bf16", "CUDA", "cache", "runtime onnx"} <= set(checks)
    assert str(finished.db) in checks["database"]["found"]
    assert checks["Hugging Face Hub"]["state"] == "note"
    assert "--weights" in checks["Hugging Face Hub"]["advice"]
    assert all(check["state"] in ("ok", "note", "missing") for check in checks.values())
    assert all(check["advice"] for check in checks.values() if check["state"] == "missing")


def test_in_text_each_shortcoming_has_a_line_with_what_to_do(run):
    ran = run("doctor")
    assert ran.code == 0
    assert any(
        line.startswith("database: ") and "corpus scan" in line for line in ran.out.splitlines()
    )
    assert ran.err.splitlines()[-1] == "next: serbench corpus scan FOLDER --dataset NAME"


def test_what_studies_need_and_is_broken_is_a_failure(run, finished, tmp_path):
    (tmp_path / "text.db").write_text("not a database, but a text that is long enough for one" * 9)
    code, checks, found = examined(run, "--db", tmp_path / "text.db")
    assert (code, found["broken"], checks["database"]["state"]) == (1, 1, "broken")
    assert checks["database"]["advice"]
    read_only = f"sqlite:///file:{finished.db}?mode=ro&uri=true"
    code, checks, _ = examined(run, "--db", read_only)
    assert (code, checks["database"]["state"]) == (1, "broken")


def test_a_package_and_a_disk_that_do_not_suffice_are_named(run, monkeypatch):
    monkeypatch.setattr("serbench.run.doctor.LEAST_FREE", 1e18)
    absent = {"numpy", "onnxruntime"}

    def version(name):
        from importlib.metadata import PackageNotFoundError, version

        if name in absent:
            raise PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr("serbench.run.requirements.version", version)
    code, checks, _ = examined(run)
    assert code == 1
    assert checks["cache"]["state"] == "broken"
    assert "numpy" in checks["packages"]["advice"]
    assert checks["extra onnx"]["state"] == "missing"
    assert "serbench[onnx]" in checks["extra onnx"]["advice"]
