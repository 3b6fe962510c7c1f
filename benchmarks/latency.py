"""The latency of exported networks compared with PyTorch and with other ways of export.

    python benchmarks/latency.py
    python benchmarks/latency.py --quick

One recording of the paper's length, one thread, waveform to probabilities. All sides of a group are
timed in turn. Random weights, since they do not change the time; Whisper's encoder has its real
weights where `shared/weights` is there. One JSON object is printed.

The sides are PyTorch operation by operation with serbench's front end (`eager`) and with
torchaudio's `MelSpectrogram` and `AmplitudeToDB` in the usual order of axes (`usual eager`), the
program of `torch.export`, TorchScript, a plain `torch.onnx.export` with the operator STFT, and the
runtimes `onnx` and `onnx-int8`.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torchaudio
from material import PAPERS_CLIPS, WHISPER, network_of
from timing import Finding, in_turn, print_findings, times_faster
from torch import Tensor, nn

from serbench.data.clips import ClipFormat
from serbench.model.deployable import Deployable, Recording
from serbench.model.frontend import fit_image, fitted_hop
from serbench.model.spectrum import PowerSpectrum
from serbench.plugins import Plugins

MOBILE, INCEPTION = "mobilenetv3_large_100", "inception_v3"
SIZE, N_FFT = 224, 2048
PARITY_DB = 1e-3


class Usual(nn.Module):
    """torchaudio's front end and the network in the usual order of axes."""

    def __init__(self, deployable: Deployable, clip_format: ClipFormat) -> None:
        super().__init__()
        hop = fitted_hop(clip_format.samples, N_FFT, SIZE)
        self.mel = torchaudio.transforms.MelSpectrogram(
            clip_format.sample_rate, n_fft=N_FFT, hop_length=hop, n_mels=SIZE
        )
        self.decibels = torchaudio.transforms.AmplitudeToDB("power", top_db=80)
        self.spec = deployable.network.front_end.spec
        self.network = deployable.network

    def forward(self, waveform: Tensor) -> Tensor:
        """Probabilities."""
        image = fit_image((self.decibels(self.mel(waveform)) + 40) / 100, self.spec)
        logits = self.network.classify(image.contiguous(memory_format=torch.contiguous_format))
        return logits.softmax(1)


class ByOperator(nn.Module):
    """The power spectrum by the Fourier transform of the runtime, as a plain export has it."""

    def __init__(self, spectrum: PowerSpectrum) -> None:
        super().__init__()
        self.spectrum = spectrum

    def forward(self, waveform: Tensor) -> Tensor:
        """Powers ``[B, n_fft // 2 + 1, frames]``."""
        spectrum = self.spectrum
        window = spectrum.window
        found = torch.stft(
            waveform, spectrum.n_fft, spectrum.hop, len(window), window, return_complex=True
        )
        parts = torch.view_as_real(found)
        return parts.square().sum(-1)


class FrontEnd(nn.Module):
    """Recording → image."""

    def __init__(self, deployable: Deployable) -> None:
        super().__init__()
        self.deployable = deployable

    def forward(self, waveform: Tensor, valid_samples: Tensor) -> Tensor:
        """The image."""
        return self.deployable.images(waveform, valid_samples)[0]


class Whole(FrontEnd):
    """Recording → probabilities."""

    def forward(self, waveform: Tensor, valid_samples: Tensor) -> Tensor:
        """Probabilities."""
        return self.deployable(waveform, valid_samples).probabilities


def exported(module: nn.Module, recording: Recording) -> bytes:
    """A plain export of PyTorch."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(module.eval(), tuple(recording), dynamo=True, verbose=False)
    made: bytes = program.model_proto.SerializeToString()
    return made


def in_onnx_runtime(file: bytes, recording: Recording) -> Callable[[], Any]:
    """A call of a file with one recording, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    inputs = dict(zip(names, (part.numpy() for part in recording), strict=False))
    return lambda: session.run(None, inputs)


def by_operator(deployable: Deployable) -> None:
    """Replace the spectrum of a front end by the runtime's operator."""
    deployable.network.front_end.mel.spectrum = ByOperator(
        deployable.network.front_end.mel.spectrum
    )


def main() -> None:
    """Time all sides in turn, compare results, and print."""
    parser = argparse.ArgumentParser(description="latency of exported networks")
    parser.add_argument("--repetitions", type=int, default=60)
    parser.add_argument("--quick", action="store_true", help="few repetitions, small networks")
    given = parser.parse_args()
    repetitions = 3 if given.quick else given.repetitions
    torch.set_num_threads(1)
    plugins = Plugins()
    findings, notes = _networks(plugins, repetitions, given.quick)
    more, difference = _front_ends(plugins, repetitions)
    print_findings(
        "latency",
        f"one recording of {PAPERS_CLIPS.seconds} s, noise, one thread",
        [*findings, *more],
        notes=[
            *notes,
            f"The exported front end and the one with the operator STFT differ by {difference:.1g} "
            f"dB at most ({PARITY_DB:g} allowed).",
        ],
    )
    if difference > PARITY_DB:
        raise SystemExit("the two front ends give different values")


def _networks(plugins: Plugins, repetitions: int, quick: bool) -> tuple[list[Finding], list[str]]:
    """The sides of MobileNetV3, and the runtimes of other networks beside it."""
    mobile = network_of(plugins, MOBILE)
    recording = mobile.recording()
    usual = Usual(mobile, mobile.clip_format).eval()
    whole = Whole(mobile).eval()
    onnx = plugins.runtimes.get("onnx").prepare(mobile, (), 1)
    assert onnx.file is not None
    program = torch.export.export(whole, tuple(recording)).module()
    script = torch.jit.freeze(torch.jit.trace(usual, recording.waveform))
    plain = network_of(plugins, MOBILE)
    by_operator(plain)
    inference = torch.inference_mode()
    sides: dict[str, Callable[[], Any]] = {
        "usual eager": inference(lambda: usual(recording.waveform)),
        "eager": inference(lambda: whole(*recording)),
        "TorchScript": inference(lambda: script(recording.waveform)),
        "torch.export": inference(lambda: program(*recording)),
        "plain torch.onnx": in_onnx_runtime(exported(Whole(plain), recording), recording),
        "onnx": in_onnx_runtime(onnx.file, recording),
    }
    others = {} if quick else _others(plugins, recording)
    taken = in_turn({**sides, **others}, repetitions, warm_up=5)

    def faster(name: str, one: str, other: str, target: float | None = None) -> Finding:
        return times_faster(name, taken, one, other, target, "ms", 1000)

    findings = [faster(f"{MOBILE}: {side} or onnx", side, "onnx") for side in sides]
    findings = [each for each in findings if len(each.sides) == 2]
    findings[0] = faster(f"{MOBILE}: usual eager or onnx", "usual eager", "onnx", 4.0)
    findings[1] = faster(f"{MOBILE}: eager or onnx", "eager", "onnx", 4.0)
    if quick:
        return findings, []
    findings += [
        faster(f"{MOBILE}: onnx or onnx-int8", "onnx", f"{MOBILE} int8"),
        faster("eager: inception_v3 or mobilenetv3", f"{INCEPTION} eager", "eager"),
        faster("onnx: inception_v3 or mobilenetv3", f"{INCEPTION} onnx", "onnx"),
    ]
    for taps in ("2", "1-3"):
        name = f"{WHISPER} {taps}"
        findings.append(
            # The factor by which Whisper is faster: at least 1 / 1.7.
            faster(f"onnx {MOBILE} or int8 {name}", "onnx", f"{name} int8", 1 / 1.7)
        )
        findings.append(faster(f"{name}: onnx or onnx-int8", f"{name} onnx", f"{name} int8"))
        findings.append(faster(f"{name}: eager or onnx", f"{name} eager", f"{name} onnx"))
    return findings, []


def _others(plugins: Plugins, recording: Recording) -> dict[str, Callable[[], Any]]:
    """Other networks in the runtimes, by name."""
    sides: dict[str, Callable[[], Any]] = {}
    cases = ((MOBILE, None), (INCEPTION, None), (WHISPER, "2/mean+std"), (WHISPER, None))
    for backbone, readout in cases:
        deployable = network_of(plugins, backbone, readout=readout)
        name = backbone
        if name == WHISPER:
            name = f"{name} {(readout or '1-3/mean+std').partition('/')[0]}"
        own = deployable.recording()
        calibration = [
            deployable.recording(0.1 * torch.randn(deployable.clip_format.samples))
            for _ in range(8)
        ]
        for runtime, short in (("eager", "eager"), ("onnx", "onnx"), ("onnx-int8", "int8")):
            if backbone == INCEPTION and short == "int8":
                continue
            runnable = plugins.runtimes.get(runtime).prepare(deployable, calibration, 1)
            sides[f"{name} {short}"] = lambda runnable=runnable, own=own: runnable(own)
    return sides


def _front_ends(plugins: Plugins, repetitions: int) -> tuple[list[Finding], float]:
    """The exported front end with products and with the operator STFT, and their difference."""
    deployable, other = network_of(plugins, MOBILE), network_of(plugins, MOBILE)
    by_operator(other)
    recording = deployable.recording()
    calls = {
        "operator STFT": in_onnx_runtime(exported(FrontEnd(other), recording), recording),
        "serbench": in_onnx_runtime(exported(FrontEnd(deployable), recording), recording),
    }
    images = [call()[0] for call in calls.values()]
    # A channel is (decibels + 40) / 100, minus its mean, divided by its standard deviation.
    deviation = min(deployable.network.front_end.spec.std)
    difference = 100 * deviation * float(np.abs(images[0] - images[1]).max())
    taken = in_turn(calls, repetitions, warm_up=5)
    what = f"exported front end, {SIZE}×{SIZE}: operator STFT or products"
    return [times_faster(what, taken, "operator STFT", "serbench", 3.0, "ms", 1000)], difference


if __name__ == "__main__":
    main()
