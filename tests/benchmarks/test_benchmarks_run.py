"""Every benchmark runs and prints its comparison; the speed itself is not tested."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
NAMES = (
    *("prepare", "frontend", "training", "memory", "search", "startup", "leaderboard", "pruning"),
    *("features", "peers", "precision", "compiling", "level", "latency", "parity", "publish"),
    "recording",
)
QUICKEST = ("leaderboard", "prepare", "recording")
"""Those that run with the ordinary tests; the others take 15 s and more, and are slow tests."""


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A separate cache and database."""
    folder = tmp_path_factory.mktemp("benchmarks")
    places = {"SERBENCH_CACHE": folder / "cache", "SERBENCH_DB": folder / "serbench.db"}
    return {name: str(path) for name, path in places.items()}


@pytest.fixture(scope="module")
def run(places, tmp_path_factory):
    """``run(name, *options)``: the output of a benchmark, which is run once per set of options."""

    @functools.cache
    def benchmark(name, *options):
        ran = subprocess.run(
            [sys.executable, FOLDER / f"{name}.py", "--quick", *options],
            capture_output=True,
            text=True,
            cwd=tmp_path_factory.mktemp(name),
            env={**os.environ, **places},
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    return benchmark


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in QUICKEST else [pytest.mark.slow]) for name in NAMES],
)
def test_it_runs_and_prints_one_object(name, run):
    found = run(name)
    assert found["benchmark"] == name
    assert found["data"]
    assert found["machine"]["cores"] >= 1
    for finding in found["findings"]:
        assert len(finding["sides"]) == 2
        assert all(figure > 0 for figure in finding["sides"].values())
        assert finding["spread"][0] <= finding["ratio"] <= finding["spread"][1]
        assert (finding["target"] is None) == (finding["met"] is None)
    assert found["findings"] or "nothing was installed" in found["left_out"]


@pytest.mark.slow
def test_a_search_takes_the_exhaustive_side_from_an_earlier_one(run, tmp_path):
    first = run("search")
    earlier = {"seeds": [[{**first["seeds"][0][0], "passes": 10**9}, None]], "telling": ["much"]}
    kept = tmp_path / "kept.json"
    kept.write_text(json.dumps({**first, **earlier}))
    again = run("search", "--against", str(kept))
    assert again["seeds"][0][0]["passes"] == 10**9
    assert again["seeds"][0][1] == first["seeds"][0][1]
    assert again["notes"][-1] == "much"


def test_all_benchmarks_are_run_here_and_written_to_the_page(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import report

    assert {*NAMES, "executors"} == {*report.USUAL, *report.APART}, "executors needs Ray"


def test_the_page_shows_both_sides_their_ratio_and_whether_the_target_is_met(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(FOLDER))
    import report

    finding = {
        "what": "reading",
        "unit": "ms",
        "sides": {"usual": 1234.5, "serbench": 2.0},
        "ratio": 617.25,
        "spread": [600.0, 630.0],
        "target": 700.0,
        "met": False,
    }
    found = {
        "benchmark": "toy",
        "data": "three clips",
        "machine": {"cpu": "slow", "cores": 2},
        "command": "python toy.py",
        "findings": [finding],
    }
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    report.keep("toy", found, 12.3)
    kept = json.loads((tmp_path / "toy.json").read_text())
    page = report.section(kept)
    assert (
        "| reading | usual: 1,234 | serbench: 2 | ms | 617.25 (600.00–630.00) | 700 | **no** |"
        in page
    )
    assert "`python toy.py`" in page
    assert "12 s, slow, 2 cores; three clips." in page
