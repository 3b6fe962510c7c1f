"""The programs of docs/how-to/deploy.md give the predictions of `serbench predict`."""

import base64
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from making.browsers import chromium_program

from serbench.deploy.page import PACKAGE, VERSION

pytestmark = pytest.mark.services

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "deploy.md"


@pytest.fixture
def predicted(run, exported):
    """``predicted(path)`` gives the probabilities of `serbench predict`, by emotion."""

    def predict(path, *options):
        ran = run("predict", exported.model, path, "--format", "json", *options)
        assert ran.code == 0, ran.err
        [file] = json.loads(ran.out)
        return file["probabilities"]

    return predict


@pytest.fixture
def recordings(exported, tmp_path):
    """Recordings at the rate of the network by name: short, cut, two channels, long."""
    sound = np.random.default_rng(0).normal(0, 0.1, (4 * exported.samples, 2))
    sound *= np.linspace(0.2, 1, len(sound))[:, np.newaxis]
    parts = {
        "short": sound[: exported.samples // 3, 0],
        "whole": sound[: exported.samples, 0],
        "stereo": sound[: exported.samples - 5],
        "long": sound[: 3 * exported.samples + 77, 0],
    }
    found = {name: tmp_path / f"{name}.wav" for name in parts}
    for name, part in parts.items():
        soundfile.write(found[name], part, exported.rate, "PCM_16")
    return found


def test_the_program_in_python_prints_the_probabilities(exported, predicted, recordings, tmp_path):
    [program] = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    (tmp_path / "answer.py").write_text(program)
    sound = np.random.default_rng(1).normal(0, 0.1, 7000)  # 0.16 s at another rate
    soundfile.write(tmp_path / "rate.wav", sound, 44_100)
    short, whole, stereo, _ = recordings.values()
    for path in (short, whole, stereo, tmp_path / "rate.wav"):
        done = subprocess.run(
            [sys.executable, tmp_path / "answer.py", exported.model, path],
            capture_output=True,
            text=True,
            check=True,
        )
        rows = (line.split("\t") for line in done.stdout.splitlines())
        found = {emotion: float(probability) for emotion, probability in rows}
        assert found == pytest.approx(predicted(path), abs=1e-5)


@pytest.fixture
def page(browser, exported):
    """The page, opened from the disk, and all addresses that it requested."""
    tab = browser.new_page()
    tab.requested = []
    tab.on("request", lambda request: tab.requested.append(request.url))
    tab.goto(exported.page.as_uri())
    tab.wait_for_selector("#recording:enabled", timeout=60_000)
    yield tab
    tab.close()


def shown(page, path):
    """What the page shows for a chosen recording, emotion → probability."""
    page.set_input_files("#recording", path)
    return answered(page)


def answered(page):
    """What the page shows, emotion → probability."""
    page.wait_for_selector("#answer .best", timeout=60_000)
    names = page.locator("#answer > div:not(.rest)").all_inner_texts()
    shares = page.eval_on_selector_all("#answer data", "all => all.map(each => +each.value)")
    widths = page.eval_on_selector_all(
        ".bar", "all => all.map(each => parseFloat(each.style.width))"
    )
    assert widths == pytest.approx([100 * share for share in shares], abs=1e-3)
    return dict(zip(names, shares, strict=True))


@pytest.mark.parametrize("name", ["short", "whole", "stereo"])
def test_the_page_shows_the_probabilities_from_the_disk(page, predicted, recordings, name):
    assert shown(page, recordings[name]) == pytest.approx(predicted(recordings[name]), abs=1e-3)
    assert re.search(r"one answer in \d+\.\d ms", page.inner_text("#status"))
    outside = [url for url in page.requested if not url.startswith(("file:", "data:", "blob:"))]
    assert outside == []


def test_a_long_recording_has_the_mean_of_its_windows(page, predicted, recordings):
    expected = predicted(recordings["long"], "--keep-silence")
    assert shown(page, recordings["long"]) == pytest.approx(expected, abs=1e-3)
    assert "6 windows" in page.inner_text("#status")


def test_a_dropped_recording_is_answered(page, predicted, recordings):
    content = base64.b64encode(recordings["whole"].read_bytes()).decode()
    dropped = page.evaluate_handle(
        """content => {
          const data = new DataTransfer();
          const bytes = Uint8Array.from(atob(content), each => each.charCodeAt(0));
          data.items.add(new File([bytes], "dropped.wav", { type: "audio/wav" }));
          return data;
        }""",
        content,
    )
    page.dispatch_event("body", "drop", {"dataTransfer": dropped})
    assert answered(page) == pytest.approx(predicted(recordings["whole"]), abs=1e-3)


def test_the_microphone_is_recorded_and_answered(browser, exported, recordings):
    """A file takes the place of the microphone; what a browser records is compressed."""
    fake = [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={recordings['long']}",
        "--no-sandbox",
    ]
    other = browser.browser_type.launch(executable_path=chromium_program(), args=fake)
    tab = other.new_page()
    tab.goto(exported.page.as_uri())
    tab.wait_for_selector("#microphone:enabled", timeout=60_000)
    tab.click("#microphone")
    tab.get_by_role("button", name="Stop and classify").wait_for()
    tab.wait_for_timeout(2000)
    tab.get_by_role("button", name="Stop and classify").click()
    found = answered(tab)
    other.close()
    assert sum(found.values()) == pytest.approx(1, abs=1e-3)


def test_a_file_that_is_no_recording_is_named_and_the_next_one_is_answered(
    page, predicted, recordings, tmp_path
):
    (tmp_path / "text.wav").write_text("text")
    soundfile.write(tmp_path / "silent.wav", np.zeros(3000), 8000)
    for name in ("text.wav", "silent.wav"):
        page.set_input_files("#recording", tmp_path / name)
        page.wait_for_function(
            "name => document.getElementById('status').textContent.startsWith(name)", arg=name
        )
        page.wait_for_selector("#recording:enabled")
    assert shown(page, recordings["whole"]) == pytest.approx(
        predicted(recordings["whole"]), abs=1e-3
    )


def test_the_documented_package_is_the_tested_one():
    assert f"npm install {PACKAGE}@{VERSION}\n" in PAGE.read_text("utf-8")
