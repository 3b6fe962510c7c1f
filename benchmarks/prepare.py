"""The speed of preparing clips, compared with resampling by torchaudio and by soxr.

    python benchmarks/prepare.py
    python benchmarks/prepare.py --quick

serbench's side is the whole `prepare_clips` to an empty folder: decoding, hashing, all checks,
resampling, scaling to 16 bits, and writing to the disk. The other sides only decode and resample:

- `transforms.Resample`, built once for each rate, on one core;
- `functional.resample`, which builds its filter for every clip: one clip, once;
- soxr HQ on what `soundfile` reads as float32, on one core: a lower bound of the time.

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
    """At most ``most`` utterances, spread over ``manifest``."""
    step = max(1, len(manifest) // most)
    return Manifest(manifest.name, manifest.utterances[::step][:most], manifest.synthetic)


def prepared(manifest: Manifest, workers: int | None, level: Level = "keep") -> None:
    """Prepare all clips, with a number of threads."""
    clip_format = replace(PAPERS_CLIPS, level=level)
    with tempfile.TemporaryDirectory() as folder:
        prepare_clips(manifest, Path(folder), clip_format, workers=workers)


def resampled(manifest: Manifest, resample: Callable[[Waveform, int], object]) -> None:
    """Decode every recording, mix down its channels, and resample it."""
    for utterance in manifest.utterances:
        waveform, rate = soundfile.read(utterance.path, dtype="float32")
        if waveform.ndim > 1:
            waveform = waveform.mean(axis=1)
        resample(waveform, rate)


def by_soxr(waveform: Waveform, rate: int) -> object:
    """The waveform at the clips' rate."""
    return soxr.resample(waveform, rate, RATE, quality="HQ")


def by_transform(manifest: Manifest) -> Callable[[Waveform, int], object]:
    """A function that resamples with existing transforms."""
    transforms = {
        utterance.sample_rate: torchaudio.transforms.Resample(utterance.sample_rate, RATE)
        for utterance in manifest.utterances
    }
    return lambda waveform, rate: transforms[rate](torch.from_numpy(waveform))


def by_function(waveform: Waveform, rate: int) -> object:
    """The waveform at the clips' rate, with a filter built for this call."""
    return torchaudio.functional.resample(torch.from_numpy(waveform), rate, RATE)


def compare(
    what: str,
    manifest: Manifest,
    usual: tuple[str, Callable[[], object]],
    target: float | None,
    repetitions: int,
    workers: int | None = 1,
) -> Finding:
    """Compare ``prepare_clips`` with another method."""
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
    """A sentence with the time of each step for one clip, on one core."""
    decoded = [read_audio(utterance.path) for utterance in manifest.utterances]
    some_at_once = [decoded[start : start + TOGETHER] for start in range(0, len(decoded), TOGETHER)]
    calls: dict[str, Callable[[], object]] = {
        "reading and its checks": lambda: [read_audio(each.path) for each in manifest.utterances],
        "the hash of the audio": lambda: [audio.content_hash for audio in decoded],
        "soxr and the clip's length": lambda: [
            standardise_all([audio.mono for audio in some], some[0].sample_rate, PAPERS_CLIPS)
            for some in some_at_once
        ],
    }
    taken = in_turn(calls, repetitions)
    listed = (
        f"{name} {1000 * statistics.median(times) / len(decoded):.2f} ms"
        for name, times in taken.items()
    )
    return f"The time of a clip consists of {', '.join(listed)}."


def main() -> None:
    """Time all sides and print."""
    parser = argparse.ArgumentParser(description="speed of preparing clips")
    parser.add_argument(
        "--clips", type=int, default=192, help="number of clips in the comparison with soxr"
    )
    parser.add_argument(
        "--few", type=int, default=64, help="number of clips in the comparison with torchaudio"
    )
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a few clips, to check that it works")
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
