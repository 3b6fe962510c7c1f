"""How fast recordings become clips, against torchaudio's resampling and against soxr's alone.

    python benchmarks/prepare.py
    python benchmarks/prepare.py --quick

serbench's side is all of `prepare_clips` into a fresh folder: decoding, hashing, every check,
resampling, scaling to 16 bits, and writing to the disk. The others only decode and resample:

- `transforms.Resample`, built once for each rate, on one core;
- `functional.resample`, which builds its filter anew for every clip: one clip, once;
- soxr HQ on what `soundfile` reads as float32, on one core: the least that any way can take.

One JSON object is printed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr
import torch
import torchaudio
from material import PAPERS_CLIPS, speech
from timing import Finding, in_turn, print_findings, times_faster

from serbench.data.audio import read_audio
from serbench.data.clips import standardise_all
from serbench.data.level import Level
from serbench.data.manifest import Manifest
from serbench.data.preparation import TOGETHER, prepare_clips
from serbench.plugins import Plugins

RATE = PAPERS_CLIPS.sample_rate
OURS = "prepare_clips"
Waveform = npt.NDArray[np.float32]


def some(manifest: Manifest, most: int) -> Manifest:
    """Utterances from all over ``manifest``, so many at most."""
    step = max(1, len(manifest) // most)
    return Manifest(manifest.name, manifest.utterances[::step][:most], manifest.synthetic)


def prepared(manifest: Manifest, workers: int | None, level: Level = "keep") -> None:
    """All of it, by so many threads."""
    clip_format = replace(PAPERS_CLIPS, level=level)
    with tempfile.TemporaryDirectory() as folder:
        prepare_clips(manifest, Path(folder), clip_format, workers=workers)


def resampled(manifest: Manifest, resample: Callable[[Waveform, int], object]) -> None:
    """Every recording decoded, mixed down where it has several channels, and resampled."""
    for utterance in manifest.utterances:
        waveform, rate = soundfile.read(utterance.path, dtype="float32")
        if waveform.ndim > 1:
            waveform = waveform.mean(axis=1)
        resample(waveform, rate)


def by_soxr(waveform: Waveform, rate: int) -> object:
    """At the clips' rate."""
    return soxr.resample(waveform, rate, RATE, quality="HQ")


def by_transform(manifest: Manifest) -> Callable[[Waveform, int], object]:
    """What resamples by a transform that is there already."""
    transforms = {
        utterance.sample_rate: torchaudio.transforms.Resample(utterance.sample_rate, RATE)
        for utterance in manifest.utterances
    }
    return lambda waveform, rate: transforms[rate](torch.from_numpy(waveform))


def by_function(waveform: Waveform, rate: int) -> object:
    """At the clips' rate, by a filter made for this call."""
    return torchaudio.functional.resample(torch.from_numpy(waveform), rate, RATE)


def compare(
    what: str,
    manifest: Manifest,
    usual: tuple[str, Callable[[], object]],
    target: float | None,
    repetitions: int,
    workers: int | None = 1,
) -> Finding:
    """All that ``prepare_clips`` does, and what is usual."""
    name, call = usual
    ours = OURS if workers == 1 else f"{OURS}, all cores"
    sides = {name: call, ours: lambda: prepared(manifest, workers)}
    taken = in_turn(sides, repetitions, warm_up=min(1, repetitions - 1))
    scale = 1000 / len(manifest)
    return times_faster(what, taken, name, ours, target, "ms per clip", scale)


def levelled(manifest: Manifest, level: Level, repetitions: int) -> Finding:
    """What bringing every clip to one level costs, on one core."""
    keep, name = f"{OURS}, keep", f"{OURS}, {level}"
    sides = {keep: lambda: prepared(manifest, 1), name: lambda: prepared(manifest, 1, level)}
    taken = in_turn(sides, repetitions)
    what, scale = f"level {level} or keep", 1000 / len(manifest)
    return times_faster(what, taken, keep, name, None, "ms per clip", scale)


def stages(manifest: Manifest, repetitions: int) -> str:
    """Where the time of one clip goes, on one core, as a sentence."""
    heard = [read_audio(utterance.path) for utterance in manifest.utterances]
    some_at_once = [heard[start : start + TOGETHER] for start in range(0, len(heard), TOGETHER)]
    calls: dict[str, Callable[[], object]] = {
        "reading and its checks": lambda: [read_audio(each.path) for each in manifest.utterances],
        "the hash of what was heard": lambda: [audio.content_hash for audio in heard],
        "soxr and the clip's length": lambda: [
            standardise_all([audio.mono for audio in some], some[0].sample_rate, PAPERS_CLIPS)
            for some in some_at_once
        ],
    }
    taken = in_turn(calls, repetitions)
    told = (
        f"{name} {1000 * statistics.median(times) / len(heard):.2f} ms"
        for name, times in taken.items()
    )
    return f"Of a clip's time {', '.join(told)}."


def main() -> None:
    """Prepare in every way, and print."""
    parser = argparse.ArgumentParser(description="how fast recordings become clips")
    parser.add_argument("--clips", type=int, default=192, help="of the comparison with soxr")
    parser.add_argument("--few", type=int, default=64, help="clips of the one with torchaudio")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a few clips, to see that it runs")
    given = parser.parse_args()
    if given.quick:
        given.clips, given.few, given.repetitions = 16, 2, 2
    torch.set_num_threads(1)
    data, all_clips = speech(Plugins(), given.clips)
    few, one = some(all_clips, given.few), some(all_clips, 1)
    transform = by_transform(few)
    findings = [
        compare(
            f"{len(few)} clips on one core, decoding and transforms.Resample",
            few,
            ("transforms.Resample", lambda: resampled(few, transform)),
            22,
            given.repetitions,
        ),
        compare(
            "one core, decoding and soxr HQ",
            all_clips,
            ("soxr HQ", lambda: resampled(all_clips, by_soxr)),
            0.8,
            given.repetitions,
        ),
        compare(
            "one core or all",
            all_clips,
            (f"{OURS}, one core", lambda: prepared(all_clips, 1)),
            1.7 if (os.cpu_count() or 1) > 1 else None,
            given.repetitions,
            workers=None,
        ),
    ]
    for level in ("rms", "ebu"):
        findings.append(levelled(all_clips, level, given.repetitions))
    if not given.quick:
        function = ("functional.resample", lambda: resampled(one, by_function))
        findings.append(compare("one clip, once: functional.resample", one, function, None, 1))
    rates = sorted({utterance.sample_rate for utterance in all_clips.utterances})
    notes = [stages(few, given.repetitions)]
    print_findings("prepare", data, findings, notes=notes, from_hertz=rates, to_hertz=RATE)


if __name__ == "__main__":
    main()
