"""``serbench listen``: emotions of sound as it arrives."""

import json
import os
import signal
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from refusals import error_of

import serbench.cli.listen as listen_module


@pytest.fixture
def listen(run, finished, monkeypatch):
    """``listen("--input", "a.wav")`` uses the entry of the finished study; speech is by level."""
    monkeypatch.setattr("serbench.deploy.speech.find_spec", lambda name: None)
    return lambda *arguments: run("listen", 1, *arguments, "--db", finished.db)


@pytest.fixture
def long(finished, tmp_path):
    """Two clips of the corpus with a second of silence between them, two seconds in all."""
    clips = sorted(finished.corpus.rglob("*.wav"))
    first, last = (soundfile.read(clip, dtype="float32")[0] for clip in (clips[0], clips[-1]))
    path = tmp_path / "long.wav"
    sound = np.concatenate([first, np.zeros(16_000, np.float32), last])
    soundfile.write(path, sound, 16_000, subtype="PCM_16")
    return path


@pytest.fixture
def stdin(monkeypatch):
    """``stdin(path)`` makes a file the standard input."""
    opened = []

    def use(path):
        opened.append(path.open())
        monkeypatch.setattr(sys, "stdin", opened[-1])

    yield use
    for file in opened:
        file.close()


def moments(ran):
    """Time and emotion of each line."""
    return [(line.split()[0], line.split()[2]) for line in ran.out.splitlines()]


def test_a_recording_has_the_same_answers_as_its_windows(run, listen, finished, long):
    ran = listen("--input", long)
    assert ran.code == 0
    timeline = json.loads(
        run("predict", 1, long, "--hop", 0.5, "--format", "json", "--db", finished.db).out
    )[0]["timeline"]
    assert moments(ran) == [
        (f"{part['end']:.2f}", part["emotion"] or "silence") for part in timeline
    ]
    first = timeline[0]["probabilities"]
    assert all(f"{name} {share:.3f}" in ran.out.splitlines()[0] for name, share in first.items())
    assert len(ran.err.splitlines()) == 2  # the summary, and how speech was detected


def test_standard_input_is_wav_or_samples_with_their_rate(listen, long, stdin, tmp_path):
    plain = moments(listen("--input", long))
    stdin(long)
    assert moments(listen("--input", "-")) == plain
    samples, _ = soundfile.read(long, dtype="int16")
    (tmp_path / "samples.raw").write_bytes(samples.astype("<i2").tobytes())
    stdin(tmp_path / "samples.raw")
    assert moments(listen("--input", "-", "--rate", 16_000)) == plain


def test_silence_and_uncertain_answers_are_shown_as_asked(listen, long):
    ran = listen("--input", long, "--keep-silence", "--reject-below", 1, "--hop", 0.25)
    assert {emotion for _, emotion in moments(ran)} == {"rejected"}
    assert len(moments(ran)) == 8
    assert len(ran.err.splitlines()) == 1


def test_on_a_terminal_bars_move(terminal, finished, long):
    shown = terminal(80, "listen", 1, "--input", long, "--db", finished.db)
    assert "█" in shown or "silence" in shown
    assert "real-time factor" in shown


@pytest.mark.parametrize(
    "arguments",
    [
        ["--rate", "16000"],
        ["--input", "a.wav", "--rate", "16000"],
        ["--input", "-", "--device", "0"],
        ["--input", "a.wav", "--hop", "0.6"],
        ["--input", "a.wav", "--hop", "0"],
        ["--input", "a.wav", "--reject-below", "2"],
    ],
)
def test_options_that_do_not_fit_are_refused(listen, arguments):
    error_of(listen(*arguments), 2)


def few(path):
    soundfile.write(path, np.ones(9) / 2, 16_000)


BAD = {
    "missing": lambda path: None,
    "empty": lambda path: path.write_bytes(b""),
    "not audio": lambda path: path.write_text("hello " * 99),
    "all zero": lambda path: soundfile.write(path, np.zeros(8000), 16_000),
    "a few samples": few,
}


@pytest.mark.parametrize("defect", BAD)
def test_a_recording_that_cannot_be_used_is_one_line(listen, tmp_path, defect):
    BAD[defect](tmp_path / "bad.wav")
    line = error_of(listen("--input", tmp_path / "bad.wav"), 1)
    assert line.startswith(f"{tmp_path / 'bad.wav'}: ")


@pytest.mark.parametrize("defect", ["empty", "not audio", "a few samples"])
def test_standard_input_that_cannot_be_used_is_one_line(listen, stdin, tmp_path, defect):
    BAD[defect](tmp_path / "bad.wav")
    stdin(tmp_path / "bad.wav")
    assert error_of(listen("--input", "-"), 1).startswith("standard input: ")


def test_without_sounddevice_there_is_one_line(listen, monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    assert "pip install sounddevice" in error_of(listen(), 1)


def test_ctrl_c_ends_a_microphone_with_a_summary(listen, monkeypatch):
    class Stream:
        def __init__(self, callback, **_):
            self.callback = callback

        def __enter__(self):
            for _ in range(3):
                self.callback(np.full((4000, 1), 0.1, np.float32), 4000, None, None)

        def __exit__(self, *_):
            pass

    facts = {"name": "Built-in", "max_input_channels": 1, "default_samplerate": 8000}
    module = SimpleNamespace(
        query_devices=lambda *_: facts, InputStream=Stream, PortAudioError=OSError
    )
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    line = listen_module._line

    def pressing(moment):
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        return line(moment)

    monkeypatch.setattr(listen_module, "_line", pressing)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        ran = listen()
        time.sleep(0.1)  # an interruption that is raised again would come now
    finally:
        signal.signal(signal.SIGINT, before)
    assert ran.code == 0
    assert [seconds for seconds, _ in moments(ran)] == ["1.50"]
    assert ran.err.startswith("1.5 s of sound")
