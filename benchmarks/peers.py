"""Speed of training and time to the first score, compared with other tools on the same clips.

    python benchmarks/peers.py
    python benchmarks/peers.py --peers autrainer --clips 704
    python benchmarks/peers.py --quick

Three tools get the same clips of RAVDESS with six emotions, split by speaker: serbench, autrainer
and nkululeko. Each of the latter two has its own virtual environment in the cache, which is created
if it does not exist (``--venvs FOLDER`` chooses another place). All are run from their command
lines in an empty folder, in turn, on the CPU, with their default number of threads, batches of 32
and no augmentation. Networks start with random weights. The other tools support only fp32; serbench
is run with fp32, to which the targets apply, and without ``--precision``. There are two figures:

- *training*: clips per second of the epochs after the first one, including validation. The time of
  every printed line is recorded. autrainer and nkululeko print a line with the score of each epoch:
  the training clips between the first and the last such line are counted. serbench searches three
  folds and does not print their epochs: for it, the additional clips of a search with more epochs,
  compared with one of a single epoch, are divided by its additional time.
- *first score*: seconds from raw audio to the first score on validation clips after one epoch, of
  all processes from their start, with imports, resampling, spectrograms and, for serbench, scanning
  the corpus and speed tuning.

The other tools are run as their installed code and configurations allow:

- autrainer 0.10 has no RAVDESS: its ``BaseClassificationDataset`` reads tables of any dataset. Its
  ``log_mel_16k`` with a resize to 224×224 is computed once by ``autrainer preprocess``, which makes
  its training fastest. ``MobileNetV3-Large`` is its own configuration of torchvision's network; its
  summary shows the size of the images. Loading in the training process and deterministic algorithms
  are its defaults. It is also run as ``autrainer-24414``, with the rate of serbench's clips, the
  paper's 24,414 Hz, instead of its 16 kHz.
- nkululeko cannot train a MobileNet. Its most similar network is ``cnn`` on ``spectra``: LeNet's
  two convolutions on images of 256×256, with far fewer operations than MobileNetV3-Large, so that
  its training figure is for another network. It reads only clips of 16 kHz, so that
  ``nkululeko.resample`` is run first. Its epochs also score the training clips. It reads audio with
  torchaudio, which needs torchcodec and FFmpeg; ``patch-torchcodec`` makes it use the FFmpeg of
  PyAV. It has one loading process per core instead of eight.
- serbench runs without the plugin packages of this environment, as after `pip install serbench`.

The training figures compare serbench's folds, which may run in parallel, with the single training
of a command of the other tools. Use an idle machine: if another program uses a core, the two
threads of one training wait for each other and become several times slower, so that the ratio
depends mainly on that program. The load by other programs before each run is reported. One JSON
object is printed.
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
"""Options of serbench: with the precision of the other tools, and by default."""

BACKBONE = "mobilenetv3_large_100"
TARGETS = {(name, FULL): (2.5, 5.0) for name in PEERS if name.startswith("autrainer")}
"""Tool and side → target ratios of training throughput and of the time to the first score."""

PACKAGES = ("torch", "torchvision", "torchaudio", "timm", "numpy")


def findings(measured: dict[str, list[Measured]]) -> list[Finding]:
    """The comparison of each tool with serbench, in both figures."""
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
    """A description of the clips."""
    sizes = [len(in_groups(clips, fold)) for fold in FOLDS]
    return (
        f"{len(clips)} clips of RAVDESS speech, 6 emotions, {len({c.speaker for c in clips})} "
        f"actors; folds of {', '.join(map(str, sizes))} clips, the first one the peers' validation"
    )


def compare(asked: argparse.Namespace, folder: Path) -> None:
    """Measure all tools in turn, and print the result."""
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
                f"other programs used {taken[name][-1]} cores",
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
    """A sentence with the stages of the time to the first score."""
    medians = {
        stage: statistics.median(run.stages[stage] for run in runs) for stage in runs[0].stages
    }
    parts = ", ".join(f"{stage}: {seconds:.1f} s" for stage, seconds in medians.items())
    return f"To the first score, {name}: {parts}."


def try_out(folder: Path) -> None:
    """Write the files of the other tools, and run serbench on a few tones."""
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
        "24 tones with file names of RAVDESS, for a smoke test",
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
    """Run the measurements and print the result."""
    parser = argparse.ArgumentParser(description="other tools on the same clips")
    parser.add_argument(
        "--venvs",
        type=Path,
        default=find_workspace().cache / "peers",
        help="folder of the virtual environments of the other tools",
    )
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--clips", type=int, default=192)
    parser.add_argument("--epochs", type=int, default=3, help="two or more")
    parser.add_argument("--repetitions", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="a smoke test without the others")
    asked = parser.parse_args()
    if asked.epochs < 2:
        parser.error("--epochs must be two or more, because the first one is not counted")
    with tempfile.TemporaryDirectory() as folder:
        if asked.quick:
            try_out(Path(folder))
        else:
            compare(asked, Path(folder))


if __name__ == "__main__":
    main()
