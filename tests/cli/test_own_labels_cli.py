"""Own labels from the scan to predictions and to the evaluation on another label set."""

import json

import numpy as np
import pytest
import soundfile

TWO = {"stress": 180, "relaxed": 110, "tired": 80}
"""Label → pitch in Hz."""


def record(folder, labels, speakers, takes=2):
    for place, (label, number, take) in enumerate(
        (label, number, take) for label in labels for number in speakers for take in range(takes)
    ):
        path = folder / label.title() / f"s{number}" / f"{take}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        time = np.arange(4000) / 8000
        tone = 0.3 * np.sin(2 * np.pi * (TWO[label] + 3 * number) * time)
        noise = np.random.default_rng(place).normal(0, 0.02, len(time))
        soundfile.write(path, tone + noise, 8000)
    return folder


PATTERN = ("--pattern", "{emotion}/{speaker}/*")


@pytest.mark.usefixtures("quick", "without_timm")
def test_a_study_on_own_labels_predicts_and_is_evaluated_on_the_common_ones(run, tmp_path):
    mine = record(tmp_path / "mine", ["stress", "relaxed"], range(1, 6))
    others = record(tmp_path / "others", ["stress", "relaxed", "tired"], [7, 8], takes=1)
    wanted = ("--emotions", "stress,relaxed")
    assert run("corpus", "scan", mine, "--dataset", "mine", *PATTERN, *wanted).code == 0
    ran = run(
        *("study", "run", "--backbone", "homebrew", "--dataset", "mine"),
        *("--protocol", "speaker-2:holdout", "--trials", "1", "--epochs", "1"),
    )
    assert ran.code == 0, ran.err

    clip = mine / "Stress" / "s1" / "0.wav"
    ran = run("predict", 1, clip, "--format", "json")
    assert ran.code == 0, ran.err
    assert set(json.loads(ran.out)[0]["probabilities"]) == {"relaxed", "stress"}

    wanted = ("--emotions", "stress,relaxed,tired")
    assert run("corpus", "scan", others, "--dataset", "others", *PATTERN, *wanted).code == 0
    ran = run("evaluate", 1, "--dataset", "others", "--format", "json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert (found["emotions"], found["untrained"]) == (["relaxed", "stress"], ["tired"])


def test_all_scan_options_work_on_the_command_line(run, tmp_path):
    record(tmp_path / "wav", ["stress", "relaxed"], [1, 2])
    rows = ["clip;felt;who"]
    rows += [
        f"D:\\old\\{label.title()}\\s{n}\\0.WAV;{label};Sp {n}"
        for label in ("stress", "relaxed")
        for n in (1, 2)
    ]
    table = tmp_path / "tables" / "mine.txt"
    table.parent.mkdir()
    table.write_text("\n".join(rows), encoding="utf-16")
    scan = ("corpus", "scan", table, "--dataset", "mine", "--format", "json")
    stated = ("--columns", "path=clip,emotion=felt", "--columns", "speaker=who")
    mapped = ("--map", "stress=anger", "--map", "relaxed=calm")
    ran = run(*scan, *stated, *mapped, "--root", tmp_path / "wav")
    assert ran.code == 0, ran.err
    account = json.loads(ran.out)
    assert account["by_emotion"] == {"anger": 2, "calm": 2}
    assert account["found"] == 4


def test_labels_of_no_known_emotion_are_shown_at_the_end(run, tmp_path):
    record(tmp_path / "mine", ["stress"], [1])
    (tmp_path / "mine" / "Stress").rename(tmp_path / "mine" / "Wut")
    record(tmp_path / "mine", ["tired", "relaxed"], [1])
    ran = run("corpus", "scan", tmp_path / "mine", "--dataset", "mine", *PATTERN)
    assert ran.code == 0, ran.err
    last = ran.out.splitlines()[-1]
    assert all(text in last for text in ("'Tired' × 2", "'Relaxed' × 2", "--map", "--emotions"))
    assert run("corpus", "show", "mine").out == ran.out
