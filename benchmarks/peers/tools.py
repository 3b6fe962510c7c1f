"""How each tool is run, as its users would, and what its lines tell."""

from __future__ import annotations

import configparser
import functools
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from peers.clips import FOLDS, HOLDOUT, Clip, copy_clips, in_groups, write_table
from peers.processes import Shell, build_environment, first
from serbench.plugins import DISABLE_VARIABLE, installed_plugins

CONFIGURATIONS = Path(__file__).parent / "configurations"
BATCH = 32


@dataclass(frozen=True)
class Measured:
    """One run of a tool.

    Attributes:
        per_clip: seconds of every epoch after the first, scored, by its training clips.
        first_score: seconds from raw audio to the score of the first epoch.
        commands: what was run.
        stages: what the time to the first score was spent on, in seconds.
        facts: what it said of itself that bears on the figures.
    """

    per_clip: float
    first_score: float
    commands: Sequence[str]
    stages: dict[str, float]
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Peer:
    """Another tool.

    Attributes:
        name: of its package, and of the virtual environment it is installed in.
        network: what it trains here.
        packages: what to install.
        then: a program to run once after that.
        imports: what to import once before anything is timed, so that no side reads a cold disk.
        measure: runs it in a folder on some clips for so many epochs.
        configurations: what of ``CONFIGURATIONS`` it is run with.
    """

    name: str
    network: str
    packages: tuple[str, ...]
    then: tuple[str, ...]
    imports: str
    measure: Callable[[Path, Path, Sequence[Clip], int], Measured]
    configurations: Path

    def build(self, venvs: Path) -> Path:
        """Install it below a folder, unless it is there; the folder of its programs."""
        programs = build_environment(venvs / self.name, self.packages, self.then)
        Shell(programs, venvs).run("python", "-c", f"import {self.imports}")
        return programs

    def configuration(self) -> dict[str, str]:
        """The texts of its configuration files."""
        root = self.configurations
        files = [root] if root.is_file() else sorted(root.rglob("*.yaml"))
        return {str(path.relative_to(root.parent)): path.read_text() for path in files}


def prepare_autrainer(folder: Path, clips: Sequence[Clip], sample_rate: int = 16000) -> None:
    """Write the project: configurations, a table for each part, the clips."""
    shutil.copytree(CONFIGURATIONS / "autrainer", folder / "conf")
    (pipeline,) = (folder / "conf" / "preprocessing").iterdir()
    pipeline.write_text(pipeline.read_text().replace("16000", str(sample_rate)))
    data = folder / "data" / "ravdess"
    copy_clips(clips, data / "default")
    for part, groups in {"train": FOLDS[1:], "dev": FOLDS[:1], "test": (HOLDOUT,)}.items():
        rows = [(clip.name, clip.emotion) for clip in in_groups(clips, *groups)]
        write_table(data / f"{part}.csv", ("filename", "emotion"), rows)


def measure_autrainer(
    programs: Path, folder: Path, clips: Sequence[Clip], epochs: int, sample_rate: int = 16000
) -> Measured:
    """Run ``autrainer preprocess`` and ``autrainer train`` on clips of a rate in Hz."""
    prepare_autrainer(folder, clips, sample_rate)
    shell = Shell(programs, folder)
    started = time.perf_counter()
    shell.run("autrainer", "preprocess")
    preprocessed = time.perf_counter()
    lines = shell.run("autrainer", "train", f"iterations={epochs}")
    scored = [first(lines, rf"Dev results at epoch {epoch}:") for epoch in (1, epochs)]
    (run,) = folder.glob("results/default/training/*/model_summary.txt")
    kept = run.read_text() + (run.parent / ".hydra" / "config.yaml").read_text()
    for each in ("[1, 3, 224, 224]", "mobilenet_v3_large", f"batch_size: {BATCH}\n"):
        if each not in kept:
            raise RuntimeError(f"autrainer trained without {each}:\n{kept}")
    trained = len(in_groups(clips, *FOLDS[1:])) * (epochs - 1)
    return Measured(
        (scored[1] - scored[0]) / trained,
        scored[0] - started,
        shell.commands,
        {
            "autrainer preprocess": preprocessed - started,
            "autrainer train, to the score of epoch 1": scored[0] - preprocessed,
        },
        {"its record of the run": "mobilenet_v3_large, input [1, 3, 224, 224]"},
    )


def prepare_nkululeko(folder: Path, clips: Sequence[Clip], epochs: int) -> None:
    """Write the experiment: its configuration, two tables, the clips."""
    experiment = configparser.ConfigParser()
    experiment.read(CONFIGURATIONS / "nkululeko.ini")
    experiment["EXP"]["epochs"] = str(epochs)
    # It starts eight loading processes by default, whatever the machine has.
    experiment["MODEL"]["n_jobs"] = str(os.cpu_count())
    with (folder / "exp.ini").open("w") as file:
        experiment.write(file)
    copy_clips(clips, folder / "audio")
    for part, groups in {"train": FOLDS[1:], "dev": FOLDS[:1]}.items():
        rows = [
            (f"audio/{clip.name}", clip.emotion, clip.speaker) for clip in in_groups(clips, *groups)
        ]
        write_table(folder / f"{part}.csv", ("file", "emotion", "speaker"), rows)


def measure_nkululeko(programs: Path, folder: Path, clips: Sequence[Clip], epochs: int) -> Measured:
    """Run ``nkululeko.resample`` and ``nkululeko.nkululeko``."""
    prepare_nkululeko(folder, clips, epochs)
    (libraries,) = programs.parent.glob("lib/python*/site-packages/av.libs")
    shell = Shell(programs, folder, {"LD_LIBRARY_PATH": str(libraries)})
    started = time.perf_counter()
    shell.run("nkululeko.resample", "--config", "exp.ini")
    resampled = time.perf_counter()
    lines = shell.run("nkululeko.nkululeko", "--config", "exp.ini")
    scored = [first(lines, rf"epoch: {epoch}: result \(TEST\)") for epoch in (0, epochs - 1)]
    trained = len(in_groups(clips, *FOLDS[1:])) * (epochs - 1)
    return Measured(
        (scored[1] - scored[0]) / trained,
        scored[0] - started,
        shell.commands,
        {
            "nkululeko.resample": resampled - started,
            "nkululeko.nkululeko, to the score of epoch 0": scored[0] - resampled,
        },
    )


AUTRAINER = Peer(
    "autrainer",
    "MobileNetV3-Large (torchvision's) at 224×224 from random weights",
    ("autrainer==0.10.0",),
    (),
    "autrainer.training, torch._dynamo",
    measure_autrainer,
    CONFIGURATIONS / "autrainer",
)
NKULULEKO = Peer(
    "nkululeko",
    "its only network on spectrograms: two convolutions and three linear layers, 256×256",
    ("nkululeko[torch]==1.14.1", "torchcodec==0.17.0", "patch-torchcodec==0.1.4"),
    ("patch-torchcodec", "--env-only"),
    "nkululeko.experiment, nkululeko.models.model_cnn, torch._dynamo",
    measure_nkululeko,
    CONFIGURATIONS / "nkululeko.ini",
)
RATE = 24_414
"""Hz, the rate of the paper."""
PEERS = {
    "autrainer": AUTRAINER,
    f"autrainer-{RATE}": replace(
        AUTRAINER, measure=functools.partial(measure_autrainer, sample_rate=RATE)
    ),
    "nkululeko": NKULULEKO,
}


@dataclass
class Serbench:
    """A fresh workspace; all that depends on how serbench is called and what it prints.

    Attributes:
        shell: to run its commands in.
        backbone: what to train.
        options: of ``serbench study run`` beside those that all runs have.
    """

    shell: Shell
    backbone: str
    options: Sequence[str] = ()

    @classmethod
    def prepare(
        cls, folder: Path, clips: Sequence[Clip], backbone: str, options: Sequence[str] = ()
    ) -> Serbench:
        """Write the folds and the clips."""
        copy_clips(clips, folder / "ravdess")
        rows = [(clip.name, clip.group) for clip in clips]
        write_table(folder / "folds.csv", ("path", "fold"), rows)
        strangers = [each.name for each in installed_plugins() if each.package != "serbench"]
        environment = {
            "SERBENCH_DB": str(folder / "serbench.db"),
            "SERBENCH_CACHE": str(folder / "cache"),
            DISABLE_VARIABLE: ",".join(strangers),
        }
        return cls(Shell(Path(sys.executable).parent, folder, environment), backbone, options)

    def scan(self) -> None:
        """Make a dataset of the clips."""
        self.shell.run("serbench", "corpus", "scan", "ravdess", "--dataset", "ravdess")

    def search(self, epochs: int) -> dict[str, float]:
        """Try one configuration on all folds: when each of ``MOMENTS`` came."""
        study = ["serbench", "study", "run", "--backbone", self.backbone, "--weights", "none"]
        study += ["--augmentations", "none", "--protocol", "folds:folds.csv", "--trials", "1"]
        study += ["--epochs", str(epochs), "--batch-size", str(BATCH), *self.options]
        study += ["--seconds", "2.618", "--sample-rate", str(RATE), "--level", "keep"]
        # What follows, the winner's refit and its latency, is not compared.
        lines = self.shell.run(*study, until=SEARCHED)
        return {moment: first(lines, pattern) for moment, pattern in MOMENTS.items()}

    def facts(self) -> dict[str, Any]:
        """The configuration that was tried, and how it was trained.

        Raises:
            RuntimeError: not all of the network was.
        """
        lines = self.shell.run("serbench", "study", "show", "1", "--format", "json")
        shown = json.loads("\n".join(line for _, line in lines))
        parameters = shown["trials"][0]["parameters"]
        if parameters["freeze_depth"]:
            raise RuntimeError(f"part of the network was frozen: {parameters}")
        return {"configuration": parameters, "compute_settings": shown["compute_settings"]}


SEARCHED = r"trial 1/1: mean UA"
MOMENTS = {
    "prepared": r"clips prepared$|trying for some seconds",
    "settled": r"^compute settings: ",
    "begun": r"clips to search with",
    "fold scored": r"trial 1/1 fold \d+/\d+: UA",
    "searched": SEARCHED,
}
"""What happens in a search → the line of ``serbench study run`` that shows it."""


def measure_serbench(
    folder: Path, clips: Sequence[Clip], epochs: int, backbone: str, options: Sequence[str]
) -> Measured:
    """Run ``serbench corpus scan``, and ``serbench study run`` for one epoch and for ``epochs``.

    The first search, of one epoch, tells when a first fold was scored. Its lines name folds, not
    epochs, and folds may be trained side by side: so the epochs after the first are what the second
    search takes beyond the first, from where clips are prepared and the way to train is found.
    """
    serbench = Serbench.prepare(folder, clips, backbone, options)
    started = time.perf_counter()
    serbench.scan()
    scanned = time.perf_counter()
    once, whole = serbench.search(1), serbench.search(epochs)
    longer = (whole["searched"] - whole["begun"]) - (once["searched"] - once["begun"])
    # Each clip is in the training part of all folds but its own.
    trained = len(in_groups(clips, *FOLDS)) * (len(FOLDS) - 1) * (epochs - 1)
    return Measured(
        longer / trained,
        once["fold scored"] - started,
        list(serbench.shell.commands),
        {
            "serbench corpus scan": scanned - started,
            "serbench study run, to prepared clips, with all imports": once["prepared"] - scanned,
            "a first training step timed": once["settled"] - once["prepared"],
            "a fold, to the score of its test clips": once["fold scored"] - once["settled"],
        },
        serbench.facts(),
    )
