"""CITATION.cff names the version that is installed, and the licence of the package."""

import tomllib
from pathlib import Path

import yaml

import serbench

ROOT = Path(__file__).parents[1]


def test_the_citation_is_that_of_this_version():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert cited["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= cited.keys()
    assert (cited["title"], cited["version"]) == (project["name"], serbench.__version__)
    assert cited["license"] == project["license"]
    assert cited["keywords"] == project["keywords"]
