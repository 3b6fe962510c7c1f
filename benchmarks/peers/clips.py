"""The same clips for every tool, split by speaker."""

from __future__ import annotations

import csv
import math
import shutil
import wave
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

EMOTIONS = {
    "01": "neutral",
    "03": "happiness",
    "04": "sadness",
    "05": "anger",
    "06": "fear",
    "07": "disgust",
}
"""RAVDESS's labels of the six emotions that the corpora share."""

HOLDOUT = "holdout"
FOLDS = ("1", "2", "3")
"""Tools without cross-validation use the first fold: its speakers are for validation, the others
for training."""


@dataclass(frozen=True)
class Clip:
    """One recording.

    Attributes:
        path: path of the recording.
        speaker: number of the actor.
        emotion: label of the emotion.
        group: number of the fold in which it is tested, or ``holdout``.
    """

    path: Path
    speaker: str
    emotion: str
    group: str

    @property
    def name(self) -> str:
        """Its path relative to the folder of the corpus."""
        return f"{self.path.parent.name}/{self.path.name}"


def choose_clips(corpus: Path, count: int) -> list[Clip]:
    """Equal numbers of clips of every speaker and, where possible, of every emotion.

    Args:
        corpus: RAVDESS's folder, with a folder for each actor.
        count: number of clips, rounded down to a multiple of the number of speakers.

    Raises:
        SystemExit: there are too few speakers or clips.
    """
    folders = sorted(path for path in corpus.glob("Actor_*") if path.is_dir())
    groups = (*FOLDS, HOLDOUT)
    if len(folders) < len(groups):
        raise SystemExit(f"{corpus} has fewer than {len(groups)} actors: download RAVDESS's speech")
    each = count // len(folders)
    chosen = []
    for place, folder in enumerate(folders):
        of_speaker = _evenly(folder)[:each]
        if not of_speaker or len(of_speaker) < each:
            raise SystemExit(f"{folder.name} has fewer than {each} clips: give a smaller --clips")
        # Actors are alternately men and women: put each pair into one group.
        group = groups[place * len(groups) // len(folders)]
        chosen += [
            Clip(path, folder.name.removeprefix("Actor_"), EMOTIONS[_label(path)], group)
            for path in of_speaker
        ]
    return chosen


def _evenly(folder: Path) -> list[Path]:
    """The first clip of each emotion, then the second of each, and so on."""
    by_label: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.iterdir()):
        if _label(path) in EMOTIONS:
            by_label[_label(path)].append(path)
    ranked = [(rank, path) for paths in by_label.values() for rank, path in enumerate(paths)]
    return [path for _, path in sorted(ranked)]


def _label(path: Path) -> str:
    parts = path.stem.split("-")
    return parts[2] if len(parts) == 7 else ""


def in_groups(clips: Iterable[Clip], *groups: str) -> list[Clip]:
    """The clips of some groups."""
    return [clip for clip in clips if clip.group in groups]


def copy_clips(clips: Iterable[Clip], folder: Path) -> None:
    """Copy the clips, because some tools change their input files."""
    for clip in clips:
        target = folder / clip.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(clip.path, target)


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a CSV table."""
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(header)
        table.writerows(rows)


def make_corpus(folder: Path, actors: int = 4, rate: int = 16000) -> Path:
    """Write half a second of a tone for each actor and emotion, under RAVDESS's names."""
    for actor in range(1, actors + 1):
        place = folder / f"Actor_{actor:02}"
        place.mkdir(parents=True)
        for pitch, label in enumerate(EMOTIONS, start=2):
            step = 2 * math.pi * (100 * pitch + actor) / rate
            levels = (round(9000 * math.sin(step * sample)) for sample in range(rate // 2))
            tone = b"".join(level.to_bytes(2, "little", signed=True) for level in levels)
            with wave.open(str(place / f"03-01-{label}-01-01-01-{actor:02}.wav"), "wb") as file:
                file.setparams((1, 2, rate, 0, "NONE", ""))
                file.writeframes(tone)
    return folder
