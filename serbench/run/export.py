"""Export of an entry: one file from a recording to probabilities."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from serbench import __version__
from serbench.data.audio import RATES
from serbench.deploy.model_file import ModelFacts, with_facts
from serbench.deploy.parity import difference
from serbench.errors import AudioError, ExportError, MissingPackageError, UsageError
from serbench.model.deployable import Deployable, Recording
from serbench.model.runtime import Runnable, Runtime
from serbench.plugins import Plugins
from serbench.run.output_files import require_places, write_output
from serbench.run.runtimes import RuntimeVariants
from serbench.score.precision import may_replace
from serbench.store.database import Database
from serbench.store.systems import Systems
from serbench.store.variants import Variants
from serbench.workspace import Workspace

BEST = "best"

QUERIES = 30
"""Queries of each candidate from which ``best`` takes the faster one."""

Progress = Callable[[str], None]
"""Called with what is done next."""


@dataclass(frozen=True)
class Exported:
    """An exported file.

    Attributes:
        facts: the facts that it carries.
        path: the file.
        megabytes: its size.
        difference: largest difference of its logits from those of PyTorch on a few recordings.
        resampled_uar: where it resamples, UA of the tested networks from recordings at its rate,
            and from clips at the rate of training; otherwise None.
    """

    facts: ModelFacts
    path: Path
    megabytes: float
    difference: float
    resampled_uar: tuple[float, float] | None = None


class Exporter:
    """Writes entries of one database as files.

    Args:
        plugins: the plugins with the runtimes and the parts of the networks.
        workspace: folders of weights and of prepared clips.
        database: the database with the entries.
        progress: called with what is done next.
        input_rate: rate in Hz of the recordings that a file takes; by default that of the training
            clips.

    Raises:
        UsageError: no recording can have this rate.
    """

    def __init__(
        self,
        plugins: Plugins,
        workspace: Workspace,
        database: Database,
        progress: Progress,
        input_rate: int | None = None,
    ) -> None:
        if input_rate is not None and input_rate not in RATES:
            raise UsageError(
                f"--input-rate {input_rate} is not possible: give {RATES[0]:,} to {RATES[-1]:,} Hz",
                input_rate=input_rate,
            )
        self._plugins = plugins
        self._converted = RuntimeVariants(plugins, workspace, database, input_rate)
        self._systems = Systems(database)
        self._scored = Variants(database)
        self._variants = RuntimeVariants(plugins, workspace, database)
        self._progress = progress

    def export(self, number: int, out: Path, precision: str, seen: Mapping[str, Any]) -> Exported:
        """Write an entry as an ONNX file.

        Args:
            number: number of the entry.
            out: the file to write.
            precision: of a runtime that executes files, or ``best``: the fastest of those that lose
                less than one point of UA.
            seen: how the entry is shown: ``dataset``, ``protocol_id``, and ``evidence`` in words.

        Raises:
            UsageError: there is no such entry or precision, or the folder of ``out`` is missing.
            ExportError: the network cannot be exported, or gives other logits.
            MissingPackageError: a package is not installed.
            WeightsError: the weights of the entry are missing or were changed.
            StorageError: the file cannot be written.
        """
        require_places(out)
        network = self._converted.deployable(number)
        runtime, runnable = self._chosen(number, precision)
        assert runnable.file is not None
        largest, _ = difference(network, runnable)
        facts, resampled = self._facts(number, network, runtime, seen), None
        if network.resampler is not None:
            resampled = self._converted.resampled_uar(
                number,
                lambda done, total: self._progress(
                    f"testing with {network.input_rate} Hz: {done} of {total} networks"
                ),
            )
            evidence = f"tested clips from {network.input_rate} Hz, not corrected for the selection"
            facts = replace(facts, uar=resampled[0], uar_ci=None, evidence=evidence)
        made = with_facts(runnable.file, facts)
        write_output(out, made)
        return Exported(facts, out, len(made) / 1e6, largest, resampled)

    def _chosen(self, number: int, precision: str) -> tuple[Runtime, Runnable]:
        """The runtime for a precision, with the converted network."""
        known = self._by_precision()
        if precision != BEST:
            if precision not in known:
                raise UsageError(
                    f"no runtime exports files with precision {precision}: choose from "
                    f"{', '.join([*known, BEST])}",
                    precision=precision,
                )
            runtime = known[precision]
            return runtime, self._prepared(number, runtime)
        [full, *faster] = sorted(known.values(), key=lambda each: each.changes_logits)
        candidates = [(full, self._prepared(number, full))]
        for runtime in faster:
            try:
                prepared = self._prepared(number, runtime)
            except (ExportError, AudioError) as error:
                self._progress(f"precision {runtime.identity['precision']} is left out: {error}")
                continue
            eager, own = (self._scored.tally(number, name) for name in (None, runtime.name))
            if may_replace(own, eager):
                candidates.append((runtime, prepared))
            else:
                self._progress(
                    f"precision {runtime.identity['precision']} is left out: a loss of one point "
                    "of UA is not excluded"
                )
        return fastest(candidates, self._converted.deployable(number).recording())

    def _by_precision(self) -> dict[str, Runtime]:
        """The first runtime of each precision that exports files and is installed.

        Raises:
            MissingPackageError: none is installed.
        """
        found: dict[str, Runtime] = {}
        missing: MissingPackageError | None = None
        for runtime in self._plugins.runtimes:
            if not runtime.makes_files:
                continue
            try:
                found.setdefault(runtime.identity["precision"], runtime)
            except MissingPackageError as error:
                missing = error
        if not found and missing is not None:
            raise missing
        return found

    def _prepared(self, number: int, runtime: Runtime) -> Runnable:
        name = f"{runtime.name} ({runtime.identity['precision']})"
        self._progress(f"converting the network for {name}")
        runnable = self._converted.prepared(number, runtime)
        if runtime.changes_logits:
            self._variants.score(
                number,
                runtime,
                lambda done, total: self._progress(f"scoring {name}: {done} of {total} networks"),
            )
        return runnable

    def _facts(
        self, number: int, network: Deployable, runtime: Runtime, seen: Mapping[str, Any]
    ) -> ModelFacts:
        record = self._systems.record(number)
        score = self._scored.uar(number, runtime.name)
        parts = (record.recipe.backbone, record.recipe.readout, record.recipe.head)
        return ModelFacts(
            entry=number,
            system=", ".join(filter(None, parts)),
            emotions=record.emotions,
            sample_rate=network.input_rate,
            samples=network.input_samples,
            level=network.clip_format.level,
            channel=record.channel,
            temperature=network.temperature,
            runtime=runtime.name,
            precision=runtime.identity["precision"],
            weights_sha256=record.sha256,
            dataset=seen["dataset"],
            protocol_id=seen["protocol_id"],
            evidence=seen["evidence"],
            uar=score.value,
            uar_ci=score.interval,
            outside=network.outside,
            version=__version__,
        )


def fastest(
    candidates: Sequence[tuple[Runtime, Runnable]], recording: Recording
) -> tuple[Runtime, Runnable]:
    """The candidate with the lowest median time of one thread, all timed in turn."""
    if len(candidates) == 1:
        return candidates[0]
    taken: list[list[float]] = [[] for _ in candidates]
    for query in range(QUERIES + 5):
        for place, (_, runnable) in enumerate(candidates):
            start = time.perf_counter()
            runnable(recording)
            if query >= 5:  # the first ones warm up
                taken[place].append(time.perf_counter() - start)
    return candidates[min(range(len(candidates)), key=lambda place: median(taken[place]))]
