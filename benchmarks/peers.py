"""How fast other tools train the same network on the same clips, and how soon they score it.

    python benchmarks/peers.py
    python benchmarks/peers.py --peers autrainer --clips 704
    python benchmarks/peers.py --quick

Three tools get the same clips of RAVDESS, the six emotions that the corpora share, parted by
speaker: autrainer and nkululeko, each in a virtual environment of its own that is made in the cache
unless it is there (``--venvs FOLDER`` for another place), and serbench. All run from their command
lines in an empty folder, in turn, on the CPU, with the threads that they choose themselves, batches
of 32 and no augmentation. Networks start from random weights. The peers know fp32 only; serbench is
run at fp32, which the targets are for, and as it is without ``--precision``. Two figures:

- *training*: clips per second of the epochs after the first, each with its validation. Every line
  that a tool prints is stamped when it comes. autrainer and nkululeko print a line with each
  epoch's score: counted are the training clips between the first such line and the last. serbench
  searches three folds whose epochs it does not print: counted are the clips that a search of more
  epochs trains on beyond one of a single epoch, by the time that it takes longer.
- *first score*: seconds from raw audio, where nothing of it is known yet, to the first score on
  validation clips after one epoch: every process from its start, with imports, resampling,
  spectrograms, and in serbench's case scanning the corpus and finding out how to train fastest.

How the peers are run, by what their installed code and configurations offer:

- autrainer 0.10 has no RAVDESS: its ``BaseClassificationDataset`` reads tables of any dataset. Its
  ``log_mel_16k`` with a resize to 224×224 is computed once by ``autrainer preprocess``, which
  costs its training least. ``MobileNetV3-Large`` is its own configuration, of torchvision; that
  it is trained at this size is read from its summary. Loading in the training process, and
  deterministic algorithms, are its defaults. As ``autrainer-24414`` it is run a second time, with
  the rate of serbench's clips, the paper's 24,414 Hz, in place of its preset's 16 kHz.
- nkululeko cannot train a MobileNet. Nearest is its ``cnn`` on ``spectra``: LeNet's two
  convolutions on pictures of 256×256, far less work than MobileNetV3-Large, so that its training
  figure is of another network. It reads clips of 16 kHz only, so ``nkululeko.resample`` goes
  first. Its epochs score the training clips as well. It reads audio by torchaudio, which needs
  torchcodec and FFmpeg; ``patch-torchcodec`` lends it the FFmpeg of PyAV. One loading process
  for each core instead of its eight.
- serbench runs without the plugin packages that this environment holds for its own tests, as
  `pip install serbench` would leave it.

The training figures compare serbench's folds, which may run side by side, to the one training that
a command of the others runs. Run it on an idle machine: with a core taken away, the two threads of
one training wait for each other and fall to a fraction, so that the ratio says more about the
neighbours than about the tools. What others took before each run is told. One JSON object is
printed.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from peers.clips import FOLDS, Clip, choose_clips, in_groups, make_corpus
from peers.processes import busy_cores, versions
from peers.tools import (
    PEERS,
    Measured,
    Serbench,
    measure_serbench,
    prepare_autrainer,
    prepare_nkululeko,
)
from timing import CORPORA, Finding, print_findings, times_faster, times_more

from serbench.workspace import find_workspace

OURS = "serbench"
FULL = "serbench at fp32"
SIDES = {FULL: ("--precision", "fp32"), OURS: ()}
"""Options of serbench: at the peers' only precision, and as it is without."""

BACKBONE = "mobilenetv3_large_100"
TARGETS = {(name, FULL): (2.5, 5.0) for name in PEERS if name.startswith("autrainer")}
"""Peer and side → times the training throughput, times sooner to the first score."""

PACKAGES = ("torch", "torchvision", "torchaudio", "timm", "numpy")


def findings(measured: dict[str, list[Measured]]) -> list[Finding]:
    """Each peer against serbench, in both figures."""
    found = []
    per_clip = {name: [each.per_clip for each in runs] for name, runs in measured.items()}
    first_score = {name: [each.first_score for each in runs] for name, runs in measured.items()}
    for name, side in itertools.product(PEERS, SIDES):
        if name in measured:
            more, sooner = TARGETS.get((name, side), (None, None))
            what = f"training; {name}: {PEERS[name].network}"
            found.append(times_more(what, per_clip, name, side, more, clips=1))
            what = f"raw audio to the first scored epoch; {name}"
            found.append(times_faster(what, first_score, name, side, sooner))
    return found


def described(clips: Sequence[Clip]) -> str:
    """What the clips are."""
    sizes = [len(in_groups(clips, fold)) for fold in FOLDS]
    return (
        f"{len(clips)} clips of RAVDESS speech, 6 emotions, {len({c.speaker for c in clips})} "
        f"actors; folds of {', '.join(map(str, sizes))} clips, the first one the peers' validation"
    )


def compare(asked: argparse.Namespace, folder: Path) -> None:
    """Measure all tools in turn, and print."""
    clips = choose_clips(CORPORA / "ravdess", asked.clips)
    peers = {name: PEERS[name] for name in asked.peers}
    programs = {name: peer.build(asked.venvs.absolute()) for name, peer in peers.items()}
    measured: dict[str, list[Measured]] = {name: [] for name in (*peers, *SIDES)}
    taken: dict[str, list[float | None]] = {name: [] for name in measured}
    for repetition in range(asked.repetitions):
        for name, runs in measured.items():
            place = folder / f"{name}-{repetition}"
            place.mkdir()
            taken[name].append(busy_cores())
            if name in peers:
                runs.append(peers[name].measure(programs[name], place, clips, asked.epochs))
            else:
                runs.append(measure_serbench(place, clips, asked.epochs, BACKBONE, SIDES[name]))
            print(
                f"{repetition + 1}/{asked.repetitions} {name}: {1 / runs[-1].per_clip:.1f} clips "
                f"per second, first score after {runs[-1].first_score:.1f} s; "
                f"others had taken {taken[name][-1]} cores",
                file=sys.stderr,
            )
    ours = versions(Path(sys.executable).parent, OURS, *PACKAGES)
    tools: dict[str, Any] = {side: {"network": BACKBONE, "versions": ours} for side in SIDES}
    for name, peer in peers.items():
        found = versions(programs[name], peer.name, *PACKAGES)
        tools[name] = {"network": peer.network, "versions": found, "run with": peer.configuration()}
    for name, runs in measured.items():
        tools[name] |= {"commands": runs[0].commands, "facts": [each.facts for each in runs]}
        tools[name]["cores that others took before each run"] = taken[name]
    print_findings(
        "peers",
        described(clips),
        findings(measured),
        epochs=asked.epochs,
        tools=tools,
        notes=[_stages(name, runs) for name, runs in measured.items()],
    )


def _stages(name: str, runs: Sequence[Measured]) -> str:
    """What the time to the first score went to."""
    medians = {
        stage: statistics.median(run.stages[stage] for run in runs) for stage in runs[0].stages
    }
    parts = ", ".join(f"{stage}: {seconds:.1f} s" for stage, seconds in medians.items())
    return f"To the first score, {name}: {parts}."


def try_out(folder: Path) -> None:
    """Write what the peers need, and run serbench on a few tones."""
    clips = choose_clips(make_corpus(folder / "tones"), 24)
    autrainer, nkululeko = folder / "autrainer", folder / "nkululeko"
    autrainer.mkdir()
    nkululeko.mkdir()
    prepare_autrainer(autrainer, clips)
    prepare_nkululeko(nkululeko, clips, epochs=2)
    written = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.yaml"))
    written += sorted(str(path.relative_to(folder)) for path in folder.rglob("*.ini"))
    ours = Serbench.prepare(folder, clips, "homebrew")
    started = time.perf_counter()
    ours.scan()
    fold_scored = ours.search(epochs=1)["fold scored"]
    print_findings(
        "peers",
        "24 tones in RAVDESS's names, for a smoke test",
        [],
        left_out=f"{' and '.join(PEERS)}: nothing was installed, only their configurations written",
        written=written,
        serbench={
            "network": ours.backbone,
            "commands": ours.shell.commands,
            "seconds to the first score": fold_scored - started,
        },
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="other tools on the same clips")
    parser.add_argument(
        "--venvs",
        type=Path,
        default=find_workspace().cache / "peers",
        help="where to install the other tools, and keep them",
    )
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--clips", type=int, default=192)
    parser.add_argument("--epochs", type=int, default=3, help="two or more")
    parser.add_argument("--repetitions", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="a smoke test without the others")
    asked = parser.parse_args()
    if asked.epochs < 2:
        parser.error("--epochs: the first is not counted, so two or more")
    with tempfile.TemporaryDirectory() as folder:
        if asked.quick:
            try_out(Path(folder))
        else:
            compare(asked, Path(folder))


if __name__ == "__main__":
    main()
