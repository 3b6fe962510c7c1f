"""The logits of exported networks compared with those of PyTorch, in every file runtime.

    python benchmarks/parity.py
    python benchmarks/parity.py --table parity.md
    python benchmarks/parity.py --quick

Each network gets a few recordings of speech, and the six that `serbench export` checks: noise,
tones, short ones and silence; all have the paper's length. Weights are random, except for Whisper's
encoder where `shared/weights` is there, and heads that are fitted are fitted to features of speech.
The figure is the largest difference of a logit, divided by the largest logit where that is above 1;
the limit is 1e-4, as for `serbench export`. The initial weights of Inception need trained batch
norms: without them its logits are very large. One JSON object is printed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from material import network_of, speech
from timing import Finding, at_most, print_findings

from serbench.data.manifest import Manifest
from serbench.data.preparation import prepare_clips
from serbench.deploy.parity import PARITY, checks
from serbench.errors import MissingPackageError, UnknownNameError
from serbench.model.deployable import Deployable, Recording
from serbench.model.head import HeadContext
from serbench.model.runtime import Runtime
from serbench.plugins import Plugins
from serbench.run.runtimes import recordings

CLIPS, SPOKEN = 24, 6
"""Clips of speech to which heads are fitted, and those of them on which networks are compared."""

LEAST = 1e-12
"""Stands for a difference of 0 where it is a divisor."""


@dataclass(frozen=True)
class Combination:
    """Parts of a network.

    Attributes:
        backbone: its name.
        front_end: its name; by default the one that the backbone is used with.
        head: its name; by default that of the backbone.
    """

    backbone: str
    front_end: str | None = None
    head: str | None = None

    def build(
        self, plugins: Plugins, manifest: Manifest, folder: Path
    ) -> tuple[Deployable, list[Recording]]:
        """The network, whose head is fitted to these clips if it is a fitted one; recordings."""
        made = network_of(plugins, self.backbone, self.front_end, head=self.head)
        clips, rows = prepare_clips(manifest, folder, made.clip_format), np.arange(len(manifest))
        head = plugins.heads.get(self.head or plugins.backbones.get(self.backbone).head)
        if head.is_fitted:
            with torch.inference_mode():
                found = [made(*each).features for each in recordings(clips, rows)]
            features = torch.cat([each for each in found if each is not None]).numpy()
            speakers = np.unique(manifest.speakers, return_inverse=True)[1]
            context = HeadContext(len(manifest.emotions), speakers)
            made.network.head = head.fit(features, manifest.targets, context)
        return made.eval(), [*recordings(clips, rows[:SPOKEN]), *checks(made)]


ORDINARY = ("mel", "logmel", "mfcc")
CONVOLUTIONAL = (
    *("homebrew", "mobilenetv3_large_100", "tf_efficientnetv2_b0", "inception_v3"),
    "tf_efficientnet_lite0",
)
QUICK = (Combination("homebrew", "mel"),)
FULL = (
    *(Combination(backbone, front_end) for backbone in CONVOLUTIONAL for front_end in ORDINARY),
    Combination("yamnet"),
    Combination("whisper_tiny.en"),
    Combination("whisper_tiny.en", head="svm"),
    Combination("homebrew", "mel", head="svm"),
    *(Combination(system) for system in ("lu2020", "liu2023")),
)


def file_runtimes(plugins: Plugins) -> Iterator[Runtime]:
    """The installed runtimes that execute files and keep the logits."""
    for runtime in plugins.runtimes:
        if runtime.makes_files and not runtime.changes_logits:
            try:
                _ = runtime.identity
            except MissingPackageError as error:
                print(error, file=sys.stderr)
            else:
                yield runtime


def compared(
    combination: Combination,
    plugins: Plugins,
    runtimes: Sequence[Runtime],
    manifest: Manifest,
    folder: Path,
) -> dict[str, Any]:
    """The parts of a network, its largest logit, and the figure of each runtime."""
    made, compared_on = combination.build(plugins, manifest, folder)
    with torch.inference_mode():
        expected = np.concatenate([made(*each).logits.numpy() for each in compared_on])
    largest = float(np.abs(expected).max())
    differences: dict[str, float] = {}
    for runtime in runtimes:
        runnable = runtime.prepare(made, (), 1)
        found = np.concatenate([runnable(each) for each in compared_on])
        differences[runtime.name] = float(np.abs(found - expected).max()) / max(1.0, largest)
    backbone = plugins.backbones.get(combination.backbone)
    return {
        "network": combination.backbone,
        "front_end": combination.front_end or backbone.front_end,
        "head": combination.head or backbone.head,
        "largest_logit": largest,
        "differences": differences,
    }


def finding(row: dict[str, Any], runtime: str) -> Finding:
    """A difference and its limit."""
    what = ", ".join((row["network"], row["front_end"], row["head"], runtime))
    return at_most(what, [max(row["differences"][runtime], LEAST)], PARITY, "logit")


def table(rows: Sequence[dict[str, Any]], runtimes: Sequence[str]) -> str:
    """A Markdown table, in which figures above the limit are bold."""

    def shown(figure: float) -> str:
        return f"{figure:.1e}" if figure <= PARITY else f"**{figure:.1e}**"

    lines = [
        f"| network | front end | head | largest logit | {' | '.join(runtimes)} |",
        f"|---|---|---|--:|{'--:|' * len(runtimes)}",
    ]
    for row in rows:
        differences = (shown(row["differences"][name]) for name in runtimes)
        names = (row["network"], row["front_end"], row["head"])
        lines.append(
            f"| {' | '.join((*names, format(row['largest_logit'], '.2g'), *differences))} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Compare all combinations and print."""
    parser = argparse.ArgumentParser(description="logits of exported networks")
    parser.add_argument("--quick", action="store_true", help="one small network")
    parser.add_argument("--table", type=Path, help="write a Markdown table to this file")
    given = parser.parse_args()
    plugins = Plugins()
    runtimes = list(file_runtimes(plugins))
    data, manifest = speech(plugins, CLIPS)
    rows, left_out = [], []
    with tempfile.TemporaryDirectory() as folder:
        for combination in QUICK if given.quick else FULL:
            try:
                row = compared(combination, plugins, runtimes, manifest, Path(folder))
            except UnknownNameError as error:
                left_out.append(str(error))
            else:
                print(row, file=sys.stderr)
                rows.append(row)
    names = [runtime.name for runtime in runtimes]
    findings = [finding(row, name) for row in rows for name in names]
    print_findings(
        "parity",
        f"{data} to fit heads to; {SPOKEN} of them and 6 synthetic recordings to compare",
        findings,
        rows=rows,
        left_out=left_out,
        notes=[
            ", ".join(f"{each.name} {each.identity['version']}" for each in runtimes)
            + f", torch {torch.__version__}."
        ],
    )
    if given.table is not None:
        given.table.write_text(table(rows, names))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
