"""The logits of exported networks compared with those of PyTorch, in every file runtime.

    python benchmarks/parity.py
    python benchmarks/parity.py --table parity.md
    python benchmarks/parity.py --quick

Each network gets the six recordings that `serbench export` checks: noise, tones, short ones and
silence, as clips of the paper's length. Weights are random, except for Whisper's encoder where
`shared/weights` is there. Batch norms adopt the statistics of noise, and heads that are fitted are
fitted to features of noise, so that logits depend on the recording. The figure is the largest
absolute difference of a logit; the limit is 1e-4, or 1e-4 of the largest logit where that is above
1. One JSON object is printed; it fails if a difference is above the limit.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from material import network_of
from timing import Finding, at_most, print_findings
from torch import nn

from serbench.deploy.model_file import PARITY
from serbench.errors import MissingPackageError, UnknownNameError
from serbench.model.deployable import Deployable
from serbench.model.head import HeadContext
from serbench.model.runtime import Runtime
from serbench.plugins import Plugins
from serbench.run.export import checks

EMOTIONS, CLIPS, SPEAKERS = 6, 24, 4
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

    def build(self, plugins: Plugins) -> Deployable:
        """The network, whose batch norms and head fit its activations."""
        made = network_of(plugins, self.backbone, self.front_end, head=self.head)
        head = plugins.heads.get(self.head or plugins.backbones.get(self.backbone).head)
        generator = torch.Generator().manual_seed(2)
        sounds = 0.1 * torch.randn(CLIPS, made.input_samples, generator=generator)
        _adopt_statistics(made, sounds[:4])
        if head.is_fitted:
            recordings = [made.recording(sound * gain) for gain, sound in enumerate(sounds, 1)]
            with torch.inference_mode():
                features = np.concatenate([made(*each).features.numpy() for each in recordings])
            context = HeadContext(EMOTIONS, np.arange(CLIPS) // EMOTIONS % SPEAKERS)
            made.network.head = head.fit(features, np.arange(CLIPS) % EMOTIONS, context)
        return made.eval()


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


def _adopt_statistics(made: Deployable, sounds: torch.Tensor) -> None:
    """Set the statistics of all batch norms to those of some recordings."""
    norms = [part for part in made.modules() if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d)]
    if not norms:
        return
    for norm in norms:
        norm.momentum = None  # the mean over all calls, here one
        norm.reset_running_stats()
    made.network.train()
    with torch.no_grad():
        made.network(sounds)


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
    combination: Combination, plugins: Plugins, runtimes: Sequence[Runtime]
) -> dict[str, Any]:
    """The parts of a network, its largest logit, and the difference in each runtime."""
    made = combination.build(plugins)
    recordings = checks(made)
    with torch.inference_mode():
        expected = np.concatenate([made(*each).logits.numpy() for each in recordings])
    differences = {}
    for runtime in runtimes:
        runnable = runtime.prepare(made, (), 1)
        found = np.concatenate([runnable(each) for each in recordings])
        differences[runtime.name] = float(np.abs(found - expected).max())
    backbone = plugins.backbones.get(combination.backbone)
    return {
        "network": combination.backbone,
        "front_end": combination.front_end or backbone.front_end,
        "head": combination.head or backbone.head,
        "largest_logit": float(np.abs(expected).max()),
        "differences": differences,
    }


def finding(row: dict[str, Any], runtime: str) -> Finding:
    """A difference and its limit."""
    what = ", ".join((row["network"], row["front_end"], row["head"], runtime))
    limit = PARITY * max(1.0, row["largest_logit"])
    return at_most(what, [max(row["differences"][runtime], LEAST)], limit, "logit")


def table(rows: Sequence[dict[str, Any]], runtimes: Sequence[str]) -> str:
    """A Markdown table."""
    lines = [
        f"| network | front end | head | largest logit | {' | '.join(runtimes)} |",
        f"|---|---|---|--:|{'--:|' * len(runtimes)}",
    ]
    for row in rows:
        differences = (f"{row['differences'][name]:.1e}" for name in runtimes)
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
    rows, left_out = [], []
    for combination in QUICK if given.quick else FULL:
        try:
            row = compared(combination, plugins, runtimes)
        except UnknownNameError as error:
            left_out.append(str(error))
            continue
        print(row, file=sys.stderr)
        rows.append(row)
    names = [runtime.name for runtime in runtimes]
    findings = [finding(row, name) for row in rows for name in names]
    print_findings(
        "parity",
        "six synthetic recordings, one thread",
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
    if not all(each.met for each in findings):
        raise SystemExit("an exported network gives other logits than PyTorch")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
