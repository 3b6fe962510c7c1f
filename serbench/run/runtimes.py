"""Entries in other runtimes: their networks are converted, and scored where this changes logits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch

from serbench.data.clips import ClipFormat, Clips
from serbench.data.preparation import prepare_clips
from serbench.deploy.network import trained_network
from serbench.deploy.parity import require_parity
from serbench.errors import AudioError, DivergedError
from serbench.model.deployable import Deployable, Recording
from serbench.model.recipe import Recipe
from serbench.model.runtime import Runnable, Runtime
from serbench.plugins import Plugins
from serbench.score.confusion import score_counts, uar_of
from serbench.store.artifacts import read_arrays
from serbench.store.database import Database
from serbench.store.predictions import EAGER
from serbench.store.systems import Systems
from serbench.store.variants import Variants
from serbench.workspace import Workspace

CALIBRATION_CLIPS = 64
"""Training clips with which a runtime chooses its number formats."""

Progress = Callable[[int, int], None]
"""Called with the number of networks done and the number in all."""


def _ignore(done: int, total: int) -> None: ...


class RuntimeVariants:
    """The networks of the entries of one database in other runtimes.

    Args:
        plugins: the plugins with the parts of the networks, and the metrics.
        workspace: folders of weights and of prepared clips.
        database: the database with the entries.
        input_rate: rate in Hz of the recordings that the networks take; by default that of the
            training clips.
    """

    def __init__(
        self,
        plugins: Plugins,
        workspace: Workspace,
        database: Database,
        input_rate: int | None = None,
    ) -> None:
        self._plugins = plugins
        self._input_rate = input_rate
        self._workspace = workspace
        self._variants = Variants(database)
        self._systems = Systems(database)

    def deployable(self, number: int) -> Deployable:
        """The network of an entry that is shipped, with its temperature.

        Raises:
            UsageError: there is no such entry, or it was imported without a network.
            WeightsError: its weights are missing or were changed.
        """
        record = self._systems.record(number)
        files = ((record.file, record.sha256),)
        temperature = self._systems.temperature(number)
        return self._network(record.recipe, files, number, temperature)

    def prepared(self, number: int, runtime: Runtime, threads: int = 1) -> Runnable:
        """The network of an entry that is shipped, in a runtime.

        Raises:
            ExportError: the runtime cannot execute it, or gives other logits than PyTorch although
                it should keep them.
            MissingPackageError: a package of the runtime is not installed.
            UsageError: there is no such entry, or it was imported without a network.
            WeightsError: its weights are missing or were changed.
            AudioError: a recording of its training has become unusable.
        """
        network = self.deployable(number)
        calibration: list[Recording] = []
        if runtime.changes_logits:
            rows = self._variants.training_rows(number)
            calibration = _some(self._clips(number, network), rows)
        runnable = runtime.prepare(network, calibration, threads)
        if not runtime.changes_logits:
            require_parity(network, runnable, runtime.name, number)
        return runnable

    def score(self, number: int, runtime: Runtime, progress: Progress = _ignore) -> None:
        """Test each network of an entry in a runtime on its own test clips, and store the scores.

        Each network is converted with clips of its own training speakers. An entry that has scores
        in the runtime already is left as it is, and so is one whose logits the runtime keeps.

        Raises:
            SerbenchError: as in `prepared`.
            DivergedError: the runtime gives NaN.
        """
        if not runtime.changes_logits or self._variants.is_scored(number, runtime.name):
            return
        networks = self._variants.networks(number)
        found = []
        for done, each in enumerate(networks):
            progress(done, len(networks))
            network = self._network(each.recipe, each.files, number)
            clips = self._clips(number, network)
            runnable = runtime.prepare(network, _some(clips, each.train), 1)
            found.append((each, _logits(runnable, clips, each.test, number, runtime.name)))
        progress(len(networks), len(networks))
        self._variants.save(number, runtime.name, found, list(self._plugins.metrics))

    def resampled_uar(self, number: int, progress: Progress = _ignore) -> tuple[float, float]:
        """UA of the tested networks from recordings at the input rate, and from the clips' own.

        Both are those of all tested clips together, each by the network that was not trained on its
        speaker, without a correction for the selection.

        Raises:
            SerbenchError: as in `prepared`.
        """
        networks = self._variants.networks(number)
        targets = self._variants.manifest(number).targets
        found, expected = [], []
        for done, each in enumerate(networks):
            progress(done, len(networks))
            network = self._network(each.recipe, each.files, number)
            runnable = self._plugins.runtimes.get(EAGER).prepare(network, (), 1)
            clips = self._clips(number, network)
            found.append(_logits(runnable, clips, each.test, number, EAGER))
            expected.append(targets[each.test])
        progress(len(networks), len(networks))
        before = score_counts(self._variants.tally(number).confusion, "uar")
        return uar_of(np.concatenate(found), np.concatenate(expected)), before

    def _network(
        self,
        recipe: Recipe,
        files: Sequence[tuple[str, str]],
        number: int,
        temperature: float = 1.0,
    ) -> Deployable:
        arrays: dict[str, npt.NDArray[np.generic]] = {}
        for file, sha256 in files:
            arrays |= read_arrays(self._workspace.artifacts / file, sha256, number)
        emotions = self._systems.record(number).emotions
        network = trained_network(recipe, self._plugins, len(emotions), arrays)
        return Deployable(network, recipe.clip_format, temperature, self._input_rate)

    def _clips(self, number: int, network: Deployable) -> Clips:
        manifest, clip_format = self._variants.manifest(number), network.clip_format
        if network.input_rate != clip_format.sample_rate:  # the network sets level and padding
            clip_format = ClipFormat(network.input_rate, clip_format.seconds, "keep", "zeros")
        try:
            return prepare_clips(manifest, self._workspace.clips, clip_format)
        except AudioError as error:
            advice = (
                f"8 bits and another input rate need all recordings of entry {number}: put them "
                "where they were scanned, or do without both"
            )
            raise AudioError(
                error.facts["path"], error.reason, advice, error.detail, error.kind
            ) from error


def recordings(clips: Clips, rows: Sequence[int] | npt.NDArray[np.int64]) -> list[Recording]:
    """Prepared clips as recordings; bringing them to their level once more changes nothing."""
    places = np.asarray(rows, dtype=np.int64)
    return [
        Recording(torch.from_numpy(waveform)[None], torch.tensor([int(length)]))
        for waveform, length in zip(clips.batch(places), clips.lengths[places], strict=True)
    ]


def _some(clips: Clips, rows: npt.NDArray[np.int64]) -> list[Recording]:
    """``CALIBRATION_CLIPS`` of some clips, always the same ones."""
    count = min(CALIBRATION_CLIPS, len(rows))
    return recordings(clips, np.random.default_rng(0).choice(rows, count, replace=False))


def _logits(
    runnable: Runnable, clips: Clips, rows: npt.NDArray[np.int64], number: int, runtime: str
) -> npt.NDArray[np.float32]:
    """Logits ``[n, n_classes]``; the clips are read one by one, since they fill much memory."""
    logits = np.concatenate([runnable(each) for row in rows for each in recordings(clips, [row])])
    if not np.isfinite(logits).all():
        raise DivergedError(
            f"runtime {runtime} gives NaN for clips of entry {number}: use another runtime",
            number=number,
            runtime=runtime,
        )
    return logits
