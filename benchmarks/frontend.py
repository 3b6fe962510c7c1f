"""The speed of mel spectrograms compared with torchaudio, and their difference.

    python benchmarks/frontend.py
    python benchmarks/frontend.py --quick

The paper's clips become images of 224 columns and 224 mel bands. torchaudio's side is
`MelSpectrogram` and `AmplitudeToDB`; serbench's side is the front end `mel`, with one channel of
decibels and with three normalised channels, which torchaudio does not compute. One JSON object is
printed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from pathlib import Path

import numpy as np
import torch
import torchaudio
from material import PAPERS_CLIPS, speech
from timing import Finding, in_turn, print_findings, times_faster
from torch import Tensor

from serbench.data.clips import ClipFormat
from serbench.data.preparation import prepare_clips
from serbench.model.frontend import FrontEndModule, InputSpec, fitted_hop
from serbench.plugins import Plugins

TORCHAUDIO, OURS = "torchaudio", "mel"
ONE, THREE = "decibels", "three channels, normalised"
SIZE, N_FFT, BATCH = 224, 2048, 32
SPECS = {
    ONE: InputSpec(1, SIZE, SIZE, (0.0,), (1.0,)),
    THREE: InputSpec(3, SIZE, SIZE, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
TARGET = 1.9


class Usual(torch.nn.Module):
    """Spectrograms of torchaudio: decibels ``[B, F, T]`` of waveforms ``[B, samples]``."""

    def __init__(self, clip_format: ClipFormat) -> None:
        super().__init__()
        self.mel = torchaudio.transforms.MelSpectrogram(
            clip_format.sample_rate,
            n_fft=N_FFT,
            hop_length=fitted_hop(clip_format.samples, N_FFT, SIZE),
            n_mels=SIZE,
        )
        self.decibels = torchaudio.transforms.AmplitudeToDB("power", top_db=80)

    def forward(self, waveform: Tensor) -> Tensor:
        """Decibels; the maximum of the batch determines the lower limit."""
        decibels: Tensor = self.decibels(self.mel(waveform))
        return decibels


def compared(
    modules: dict[str, FrontEndModule], usual: Usual, clips: Tensor, threads: int, repetitions: int
) -> tuple[list[Finding], str]:
    """Times of a batch and of a single clip, and a note with the time of the transform alone."""
    torch.set_num_threads(threads)
    on = f"{threads} thread{'s' if threads > 1 else ''}"
    findings = []
    for n_clips, wanted in ((BATCH, TARGET), (1, None)):
        batch = clips[:n_clips]
        outer_folds = repetitions * (1 if n_clips > 1 else 10)
        for name, module in modules.items():
            sides = {
                TORCHAUDIO: lambda batch=batch: usual(batch),
                OURS: lambda batch=batch, module=module: module(batch),
            }
            taken = in_turn(sides, outer_folds, warm_up=2)
            what = f"{name}, batch {n_clips}, {on}"
            target = wanted if name == ONE else None
            findings.append(
                times_faster(what, taken, TORCHAUDIO, OURS, target, "ms per clip", 1000 / n_clips)
            )
    frames = clips[0].unfold(-1, N_FFT, usual.mel.hop_length).contiguous()
    seconds = in_turn({"fft": lambda: torch.fft.rfft(frames)}, 10 * repetitions)["fft"]
    alone = 1000 * statistics.median(seconds) * SIZE / len(frames)
    return findings, f"The Fourier transforms alone take {alone:.2f} ms of it per clip on {on}."


def largest_difference(module: FrontEndModule, usual: Usual, clips: Tensor) -> float:
    """Largest difference in dB, where torchaudio also processes each clip separately."""
    ours = module(clips)[:, 0] * 100 - 40
    theirs = torch.stack([usual(clip[None])[0] for clip in clips])
    return float((ours - theirs).abs().max())


def main() -> None:
    """Time both sides, compare their results, and print."""
    parser = argparse.ArgumentParser(description="speed of mel spectrograms")
    parser.add_argument("--repetitions", type=int, default=15)
    parser.add_argument(
        "--quick", action="store_true", help="two repetitions, to check that it works"
    )
    given = parser.parse_args()
    repetitions = 2 if given.quick else given.repetitions
    plugins, clip_format = Plugins(), PAPERS_CLIPS
    data, manifest = speech(plugins, BATCH)
    with tempfile.TemporaryDirectory() as folder:
        prepared = prepare_clips(manifest, Path(folder), clip_format)
        clips = torch.from_numpy(prepared.batch(np.arange(len(prepared))))
    front_end = plugins.front_ends.get("mel")
    modules = {name: front_end.build(clip_format, spec) for name, spec in SPECS.items()}
    usual = Usual(clip_format)
    findings: list[Finding] = []
    notes = []
    with torch.inference_mode():
        for threads in sorted({1, os.cpu_count() or 1}):
            found, note = compared(modules, usual, clips, threads, repetitions)
            findings += found
            notes.append(note)
        noise = 0.1 * torch.randn(clips.shape, generator=torch.Generator().manual_seed(0))
        inputs = {"speech": clips, "noise": noise, "silence": torch.zeros_like(clips[:1])}
        differences = {
            name: largest_difference(modules[ONE], usual, sound) for name, sound in inputs.items()
        }
    listed = ", ".join(f"{value:.1g} dB on {name}" for name, value in differences.items())
    notes.append(f"Largest difference: {listed}.")
    print_findings("frontend", data, findings, notes=notes, largest_difference=differences)


if __name__ == "__main__":
    main()
