"""What the level of clips does to accuracy: on recordings as they are, and on louder ones.

    python benchmarks/level.py
    python benchmarks/level.py --backbone yamnet --weights default --epochs 20
    python benchmarks/level.py --quick

For each level, and for each padding asked for, every fold of `speaker-5:holdout` is trained with
the same seeds and the initial configuration. Each network then predicts the test speakers twice: on
their recordings, and on the same recordings 12 dB louder, written as files of floats and prepared
as all others are. UA is the mean over folds and seeds. Chance is one by the number of emotions.
One JSON object is printed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import soundfile
from material import SearchSetup, results_of, search_setup, speech
from timing import Finding, print_findings

from serbench.data.audio import read_audio
from serbench.data.clip_lengths import default_seconds
from serbench.data.clips import ClipFormat
from serbench.data.manifest import Manifest
from serbench.data.preparation import prepare_clips
from serbench.deploy.network import trained_network
from serbench.execute.executor import Executor
from serbench.execute.fold import run_fold
from serbench.execute.job import Outcome
from serbench.execute.processes import WorkerProcesses
from serbench.model.compute import ComputeSettings
from serbench.model.recipe import Configuration
from serbench.model.training import predict
from serbench.plugins import Plugins
from serbench.score.confusion import uar_of

GAIN = 10 ** (12 / 20)
SAME, LOUDER = "as recorded", "12 dB louder"


def main(arguments: Sequence[str] | None = None) -> None:
    """Train every fold in every format, test each network twice, and print."""
    parser = argparse.ArgumentParser(description="what the level of clips does to accuracy")
    parser.add_argument("--backbone", default="homebrew")
    parser.add_argument("--front-end", help="by default the backbone's own")
    parser.add_argument("--weights", default="none")
    parser.add_argument("--levels", nargs="+", default=["keep", "rms", "ebu"])
    parser.add_argument("--paddings", nargs="+", default=["reflect"])
    parser.add_argument("--seconds", type=float, help="by default as for a study")
    parser.add_argument("--sample-rate", type=int, default=16_000)
    parser.add_argument("--clips", type=int, help="of all speakers, by default all")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--folds", type=int, default=5, help="of five")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="only to see that it runs")
    options = parser.parse_args(arguments)
    if options.quick:
        options.clips, options.epochs, options.folds = 120, 1, 1
    plugins = Plugins()
    data, manifest = speech(plugins, options.clips)
    seconds = options.seconds or default_seconds(manifest.utterances)
    front_end = options.front_end or plugins.backbones.get(options.backbone).front_end
    findings, uars = [], {}
    with tempfile.TemporaryDirectory() as folder, WorkerProcesses() as executor:
        loud = louder(manifest, Path(folder) / "louder")
        for level, padding in product(options.levels, options.paddings):
            clip_format = ClipFormat(options.sample_rate, seconds, level, padding)
            work = search_setup(
                plugins,
                manifest,
                Path(folder) / "clips",
                backbone=options.backbone,
                front_end=front_end,
                weights=options.weights,
                epochs=options.epochs,
                clip_format=clip_format,
            ).with_compute(ComputeSettings(options.threads))
            executor.share(work.material)
            outcomes = trained(work, options.folds, options.seeds, executor)
            found = {
                SAME: [outcome.uar for outcome in outcomes],
                LOUDER: tested(work, outcomes, loud, Path(folder) / "clips"),
            }
            named = f"level {level}, padding {padding}"
            uars[named] = found
            findings.append(compared(f"UA of {options.backbone}, {named}", found))
    print_findings(
        "level",
        data,
        findings,
        epochs=options.epochs,
        clip_seconds=seconds,
        sample_rate=options.sample_rate,
        chance=100 / len(manifest.emotions),
        uars=uars,
    )


def louder(manifest: Manifest, folder: Path) -> Manifest:
    """The same recordings, 12 dB louder, as files of floats in ``folder``."""
    folder.mkdir()
    found = []
    for number, utterance in enumerate(manifest.utterances):
        audio, path = read_audio(utterance.path), folder / f"{number}.wav"
        soundfile.write(path, GAIN * audio.waveform, audio.sample_rate, subtype="FLOAT")
        digest = read_audio(path).content_hash
        found.append(replace(utterance, path=str(path), audio_hash=digest))
    return Manifest(f"{manifest.name}, louder", tuple(found), manifest.synthetic)


def trained(work: SearchSetup, folds: int, seeds: int, executor: Executor) -> list[Outcome]:
    """The networks of some folds and seeds, with their predictions of the test speakers."""
    jobs = []
    for seed, fold in product(range(seeds), range(folds)):
        search = replace(work.search, plan=replace(work.search.plan, seed=seed))
        configuration = Configuration.from_parameters(search.space.initial())
        jobs.append(replace(search.job(0, configuration, fold), whole=True))
    outcomes: list[Outcome] = results_of(executor, run_fold, jobs)
    for outcome in outcomes:
        print(
            f"{work.search.plan.clip_format.text}, fold {outcome.fold}: "
            f"UA {100 * outcome.uar:.1f} after {outcome.epochs} epochs",
            file=sys.stderr,
        )
    return outcomes


def tested(
    work: SearchSetup, outcomes: Sequence[Outcome], manifest: Manifest, folder: Path
) -> list[float]:
    """UA of each network on other recordings of the speakers it was tested on."""
    recipe, n_classes = work.search.plan.recipe, len(work.search.manifest.emotions)
    clips = prepare_clips(manifest, folder, recipe.clip_format)
    found = []
    for outcome in outcomes:
        arrays = {name: np.asarray(array) for name, array in outcome.state.items()}
        network = trained_network(recipe, work.plugins, n_classes, arrays)
        logits = predict(network, clips, outcome.rows, recipe.batch_size)
        found.append(uar_of(logits, manifest.targets[outcome.rows]))
    return found


def compared(what: str, uars: dict[str, list[float]]) -> Finding:
    """Mean UA on both sides in per cent, and how much of it is left on louder recordings."""
    ratios = [loud / same for same, loud in zip(uars[SAME], uars[LOUDER], strict=True) if same]
    figures = {name: 100 * statistics.fmean(found) for name, found in uars.items()}
    ratio = figures[LOUDER] / figures[SAME] if figures[SAME] else 0.0
    spread = (min(ratios, default=ratio), max(ratios, default=ratio))
    return Finding(what, "%", figures, ratio, spread, None, None)


if __name__ == "__main__":
    main()
