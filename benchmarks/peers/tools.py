"""The commands of each tool, as users would run them, and the figures in their output."""

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
        per_clip: seconds per training clip in the epochs after the first, including their scores.
        first_score: seconds from raw audio to the score of the first epoch.
        commands: commands that were run.
        stages: seconds of each stage until the first score.
        facts: further output of the tool that explains the figures.
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
        name: name of its package and of its virtual environment.
        network: network that it trains here.
        packages: packages to install.
        then: a program to run once after the installation.
        imports: modules to import once before the measurement, so that files are in the disk cache.
        measure: function that runs it in a folder on clips for a number of epochs.
        configurations: its configuration files in ``CONFIGURATIONS``.
    """

    name: str
    network: str
    packages: tuple[str, ...]
    then: tuple[str, ...]
    imports: str
    measure: Callable[[Path, Path, Sequence[Clip], int], Measured]
    configurations: Path

    def build(self, venvs: Path) -> Path:
        """Install it in a folder if it is not installed; returns the folder of its programs."""
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
    # By default it starts eight loading processes on every machine.
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
    """serbench in a new workspace: its commands and the figures in their output.

    Attributes:
        shell: shell for its commands.
        backbone: backbone to train.
        options: additional options of ``serbench study run``.
    """

    shell: Shell
    backbone: str
    options: Sequence[str] = ()

    @classmethod
    def prepare(
        cls, folder: Path, clips: Sequence[Clip], backbone: str, options: Sequence[str] = ()
    ) -> Serbench:
        """Write the file of folds, and copy the clips."""
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
        """Train one configuration on all folds; returns the time of each of ``MOMENTS``."""
        study = ["serbench", "study", "run", "--backbone", self.backbone, "--weights", "none"]
        study += ["--augmentations", "none", "--protocol", "folds:folds.csv", "--trials", "1"]
        study += ["--epochs", str(epochs), "--batch-size", str(BATCH), *self.options]
        study += ["--seconds", "2.618", "--sample-rate", str(RATE), "--level", "keep"]
        # The refit of the winner and its latency are not compared.
        lines = self.shell.run(*study, until=SEARCHED)
        return {moment: first(lines, pattern) for moment, pattern in MOMENTS.items()}

    def facts(self) -> dict[str, Any]:
        """The configuration and its compute settings.

        Raises:
            RuntimeError: a part of the network was frozen.
        """
        lines = self.shell.run("serbench", "study", "show", "1", "--format", "json")
        shown = json.loads("\n".join(line for _, line in lines))
        parameters = shown["trials"][0]["parameters"]
        if parameters["freeze_depth"]:
            raise RuntimeError(f"part of the network was frozen: {parameters}")
        return {"configuration": parameters, "compute_settings": shown["compute_settings"]}


SEARCHED = r"trial 1/1: mean UA"
MOMENTS = {
    "prepared": r"clips prepared$|: speed tuning",
    "settled": r"^compute settings: ",
    "begun": r"clips in the search",
    "fold scored": r"trial 1/1 fold \d+/\d+: UA",
    "searched": SEARCHED,
}
"""Event of a search → pattern of the line of ``serbench study run`` for it."""


def measure_serbench(
    folder: Path, clips: Sequence[Clip], epochs: int, backbone: str, options: Sequence[str]
) -> Measured:
    """Run ``serbench corpus scan``, and ``serbench study run`` for one epoch and for ``epochs``.

    The first search, of one epoch, gives the time of the first fold's score. Its lines name folds,
    not epochs, and folds may be trained in parallel. The time of the epochs after the first one is
    therefore the additional time of the second search, counted from the end of preparation and
    speed tuning.
    """
    serbench = Serbench.prepare(folder, clips, backbone, options)
    started = time.perf_counter()
    serbench.scan()
    scanned = time.perf_counter()
    once, whole = serbench.search(1), serbench.search(epochs)
    longer = (whole["searched"] - whole["begun"]) - (once["searched"] - once["begun"])
    # Each clip is in the training part of all folds but one.
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
