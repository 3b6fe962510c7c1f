"""Valid text files of each kind, and the commands that read them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

RATE = 16000
EMOTIONS = {"neutral": "01", "happiness": "03", "sadness": "04", "anger": "05"}
SPEAKERS = 5

STUDY = """\
backbone = ["homebrew"]
dataset = "fuzz"
protocol = ["speaker-2", "loso"]
schedule = "one-cycle"
trials = 3
epochs = 4
batch_size = 8
minutes = 0.5
seed = 7
weights = "none"
augmentations = ["time-shift", "gain"]
exhaustive = false

[search]
learning_rate = [1e-4, 1e-2]
freeze_depth = 0
widths = { gain = [0.1, 0.5] }
"""


@dataclass(frozen=True)
class Kind:
    """One kind of file.

    Attributes:
        name: name of the kind.
        file: name of the file, with its extension.
        content: content of a valid file.
        command: command line that reads it.
    """

    name: str
    file: str
    content: bytes
    command: Callable[[Path], Sequence[str]]


def write_recordings(folder: Path) -> list[Path]:
    """Short recordings of some speakers, with file names of RAVDESS."""
    chance = np.random.default_rng(0)
    paths = []
    for speaker in range(1, SPEAKERS + 1):
        actor = folder / f"Actor_{speaker:02}"
        actor.mkdir(parents=True)
        for label in EMOTIONS.values():
            path = actor / f"03-01-{label}-01-01-01-{speaker:02}.wav"
            soundfile.write(path, chance.uniform(-0.3, 0.3, RATE // 10), RATE)
            paths.append(path)
    return paths


def kinds_of(folder: Path, recordings: Sequence[Path], holdout: Sequence[str]) -> list[Kind]:
    """Every kind of file, with valid content."""
    labels = {label: emotion for emotion, label in EMOTIONS.items()}
    emotions = [labels[path.name.split("-")[2]] for path in recordings]
    speakers = [path.stem.split("-")[-1] for path in recordings]
    table = "path,emotion,speaker,sex,sentence\n" + "".join(
        f"{path},{emotion},{speaker},f,kids\n"
        for path, emotion, speaker in zip(recordings, emotions, speakers, strict=True)
    )
    folds = [int(speaker) % 3 for speaker in speakers]
    pairs = list(zip(recordings, folds, strict=True))
    listed = "path,fold\n" + "".join(f"{path.name},{fold}\n" for path, fold in pairs)
    lines = "".join(f'{{"path": "{path.name}", "fold": {fold}}}\n' for path, fold in pairs)
    excluded = "path,audio_hash,reason\n" + "".join(
        f"{each.name},,cough\n" for each in recordings[:6]
    )
    order = ["sadness", "anger", "happiness", "neutral"]
    predictions = f"path,fold,latency,{','.join(order)}\n" + "".join(
        f"{path},holdout,3.5,0.1,0.2,0.3,0.4\n" for path in holdout
    )
    fuzz = ("--dataset", "fuzz")
    imported = ("--name", "x", "--protocol", "speaker-2:holdout", *fuzz)
    emotions_kept = ("--emotions", ",".join(EMOTIONS))
    objects = [
        {"path": str(path), "emotion": emotion, "speaker": speaker}
        for path, emotion, speaker in zip(recordings, emotions, speakers, strict=True)
    ]
    parquet = io.BytesIO()
    pd.DataFrame(objects).to_parquet(parquet)
    short = "".join(f"{path.name}\t{path.parent.name}\n" for path in recordings)

    by_number = ("--columns", "path=1,speaker=2", "--pattern", "**/03-01-{emotion}-*")
    by_number += ("--map", ",".join(f"{label}={emotion}" for emotion, label in EMOTIONS.items()))

    def scan(path: Path, *options: str) -> Sequence[str]:
        return ("corpus", "scan", str(path), "--dataset", "table", *emotions_kept, *options)

    def text_of(path: Path) -> str:
        """As an argument, in which no zero byte can be."""
        return path.read_bytes().replace(b"\0", b"").decode(errors="surrogateescape")

    return [
        Kind("table with tabs", "table.tsv", table.replace(",", "\t").encode(), scan),
        Kind(
            "table with columns by number",
            "short.txt",
            short.encode(),
            lambda p: scan(p, *by_number),
        ),
        Kind("table in JSON", "table.json", json.dumps(objects).encode(), scan),
        Kind(
            "table in JSON lines",
            "table.jsonl",
            "\n".join(map(json.dumps, objects)).encode(),
            scan,
        ),
        Kind("table in Parquet", "table.parquet", parquet.getvalue(), scan),
        Kind("audformat", "db.yaml", AUDFORMAT.encode(), _database(table, scan)),
        Kind(
            "pattern",
            "pattern.txt",
            b"Actor_{speaker}/03-{sentence:2}-{emotion}-*",
            lambda p: scan(folder, f"--pattern={text_of(p)}", "--map=01=neutral"),
        ),
        Kind(
            "map",
            "map.txt",
            b"sadness=anger,03=happiness,Wut=anger",
            lambda p: scan(folder, f"--map={text_of(p)}"),
        ),
        Kind(
            "columns",
            "columns.txt",
            b"path=path,emotion=emotion,speaker=speaker",
            lambda p: scan(_beside(p, table), f"--columns={text_of(p)}"),
        ),
        Kind("study", "study.toml", STUDY.encode(), lambda p: ("study", "run", "--study", str(p))),
        Kind(
            "table",
            "table.csv",
            table.encode(),
            lambda p: ("corpus", "scan", str(p), "--dataset", "table", *emotions_kept),
        ),
        *(
            Kind(
                name,
                file,
                content.encode(),
                lambda p: ("protocol", "show", f"folds:{p}", *fuzz, "--no-fingerprints"),
            )
            for name, file, content in (
                ("folds", "folds.csv", listed),
                ("folds in JSON", "folds.jsonl", lines),
            )
        ),
        Kind(
            "exclusions",
            "left-out.csv",
            excluded.encode(),
            lambda p: (
                *("corpus", "scan", str(folder), "--dataset", "rest", *emotions_kept),
                *("--exclude", str(p)),
            ),
        ),
        Kind(
            "predictions",
            "predictions.csv",
            predictions.encode(),
            lambda p: ("leaderboard", "import", str(p), *imported),
        ),
    ]


AUDFORMAT = """\
name: fuzz
source: here
usage: unrestricted
languages: [eng]
schemes:
  emotion: {dtype: str, labels: [neutral, happiness, sadness, anger]}
  speaker: {dtype: str, labels: {"01": {gender: female}, "02": {gender: male}}}
tables:
  all:
    type: filewise
    columns:
      emotion: {scheme_id: emotion}
      speaker: {scheme_id: speaker}
"""


def _database(table: str, scan: Callable[[Path], Sequence[str]]) -> Callable[[Path], Sequence[str]]:
    """The command that scans a database whose header is a file."""

    def command(path: Path) -> Sequence[str]:
        (path.parent / "db.all.csv").write_text(table.replace("path", "file", 1))
        return scan(path)

    return command


def _beside(path: Path, table: str) -> Path:
    """A table beside a file."""
    written = path.with_name("table-of-columns.csv")
    written.write_text(table)
    return written
