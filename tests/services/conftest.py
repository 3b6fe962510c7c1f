"""An exported file with its page, and a browser."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from making.browsers import chromium_program
from making.networks import CLIPS, Planted, plant

from serbench.cli.main import main

ROOT = Path(__file__).parents[2]
WEB = ROOT / ".services"
"""The folder into which `make test-services` installs onnxruntime-web."""


@dataclass(frozen=True)
class Exported:
    """An exported entry with the networks and recordings of ``planted``."""

    planted: Planted
    model: Path
    page: Path
    rate: int = CLIPS.sample_rate
    samples: int = CLIPS.samples


@pytest.fixture(scope="session")
def web():
    """The folder with the packages of npm."""
    return WEB


@pytest.fixture(scope="session")
def exported(tmp_path_factory, made, make_corpus):
    folder = tmp_path_factory.mktemp("exported")
    planted = plant(made, folder, make_corpus(folder / "tiny"))
    model, page = folder / "model.onnx", folder / "page.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(WEB)
        command = ["export", "1", "--out", model, "--page", page, "--db", folder / "serbench.db"]
        with pytest.raises(SystemExit) as ended:
            main([str(each) for each in command])
    assert ended.value.code == 0
    yield Exported(planted, model, page)
    planted.database.engine.dispose()


@pytest.fixture(scope="session")
def browser():
    """Debian's Chromium, without a network."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Chromium's own sandbox does not start for root, who runs the tests in CI.
        chromium = playwright.chromium.launch(
            executable_path=chromium_program(), args=["--no-sandbox"]
        )
        yield chromium
        chromium.close()
