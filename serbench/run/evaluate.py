"""Tests of trained entries on other datasets: other speakers, corpora or languages."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from serbench.data.preparation import prepare_clips
from serbench.deploy.network import trained_network
from serbench.model.training import predict
from serbench.plugins import Plugins
from serbench.store.artifacts import read_arrays
from serbench.store.database import Database
from serbench.store.evaluations import EvaluationClips, Evaluations
from serbench.store.systems import Systems
from serbench.workspace import Workspace

Progress = Callable[[int, int], None]
"""Called with the number done and the number in all."""


def _ignore(done: int, total: int) -> None: ...


def evaluate(
    number: int,
    dataset: str,
    plugins: Plugins,
    workspace: Workspace,
    database: Database,
    progress: Progress = _ignore,
    batch_size: int = 32,
) -> None:
    """Store the logits of an entry's network on a dataset, without its training speakers.

    Logits that the network has already are kept. ``views.evaluation`` reads their scores.

    Args:
        number: number of the entry.
        dataset: name of a scanned dataset.
        plugins: the plugins with the entry's backbone and front end.
        workspace: folders of its weights and of prepared clips.
        database: the database with the entry and the dataset.
        progress: called with clips prepared and clips in all.
        batch_size: number of clips in a batch.

    Raises:
        UsageError: there is no such entry, or it was imported without a network.
        DatasetError: there is no such dataset, fewer than two common emotions, or no speaker to
            test.
        WeightsError: the weights of the entry are missing or were changed.
    """
    evaluations = Evaluations(database)
    clips = evaluations.clips(number, dataset)
    if evaluations.logits(clips) is None:
        logits = _logits(clips, plugins, workspace, database, progress, batch_size)
        evaluations.save(clips, logits)


def evaluate_all(
    pairs: Sequence[tuple[int, str]],
    plugins: Plugins,
    workspace: Workspace,
    database: Database,
    progress: Progress = _ignore,
) -> None:
    """Store the logits of several entries, each on a dataset.

    Args:
        pairs: number of an entry and name of a dataset. All are checked before the first network is
            used.
        plugins: the plugins with the backbones and front ends of the entries.
        workspace: folders of weights and of prepared clips.
        database: the database with the entries and the datasets.
        progress: called with pairs done and pairs in all.

    Raises:
        SerbenchError: as in `evaluate`.
    """
    for pair in pairs:
        Evaluations(database).clips(*pair)
    for done, pair in enumerate(pairs, start=1):
        evaluate(*pair, plugins, workspace, database)
        progress(done, len(pairs))


def _logits(
    tested: EvaluationClips,
    plugins: Plugins,
    workspace: Workspace,
    database: Database,
    progress: Progress,
    batch_size: int,
) -> npt.NDArray[np.float32]:
    record = Systems(database).record(tested.entry)
    arrays = read_arrays(workspace.artifacts / record.file, record.sha256, tested.entry)
    network = trained_network(record.recipe, plugins, len(record.emotions), arrays)
    clips = prepare_clips(tested.manifest, workspace.clips, record.plan.clip_format, progress)
    return predict(network, clips, tested.rows, batch_size)
