"""Train the configuration of an entry on fewer speakers, to see what more speakers would bring."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil

import numpy as np

from serbench.data.manifest import Manifest
from serbench.data.protocols import HOLDOUT, Rows, validation_part
from serbench.data.seeds import derive_seed
from serbench.execute.executor import Executor
from serbench.execute.fold import run_fold
from serbench.execute.job import Job
from serbench.model.recipe import Configuration
from serbench.plugins import Plugins
from serbench.run.listener import Listener
from serbench.run.reproduce import Recorded, recorded_trainings
from serbench.run.study import prepare
from serbench.score.confusion import Tally, tally
from serbench.score.learning_curve import Point, learning_curve
from serbench.search.study import Search
from serbench.store.database import Database
from serbench.store.predictions import Predictions, joined
from serbench.workspace import Workspace

SHARES = (0.25, 0.5, 0.75)
"""Shares of the training speakers of a fold."""


def curve_of(
    number: int,
    plugins: Plugins,
    workspace: Workspace,
    database: Database,
    listener: Listener,
    executor: Executor,
    progress: Callable[[int, int], None],
) -> tuple[Point, ...]:
    """The learning curve of an entry, over the folds of its first search.

    For each fold and each of ``SHARES``, so many of the fold's training speakers are drawn; a
    smaller draw is part of a greater one. A share is left out if a fold would have fewer than two
    speakers or would lack an emotion. The last point has all training speakers of the folds and is
    not trained again.

    Args:
        number: number of the entry.
        plugins: the plugins with all names in its plan.
        workspace: folder of prepared clips.
        database: the database with the entry.
        listener: receives events of the preparation.
        executor: runs trainings.
        progress: called with trainings done and trainings in all.

    Raises:
        UsageError: there is no such entry, or it was imported.
        SerbenchError: its weights, dataset or clips are no longer available.
    """
    plan, compute, recorded = recorded_trainings(database, number, folds=True)
    folds = [each for each in recorded if each.fold != HOLDOUT and each.outer_fold == 0]
    prepared = prepare(plan, plugins, workspace, database, executor, listener)
    search = replace(prepared.searches[0], compute=compute)
    wanted = []
    for share in SHARES:
        drawn = [_fewer(search, before, share) for before in folds]
        fitting = [rows for rows in drawn if rows is not None]
        if len(fitting) == len(folds):
            wanted.append(fitting)
    total, tested = len(folds) * len(wanted), []
    progress(0, total)
    for number_of_share, rows_of_folds in enumerate(wanted):
        predictions = []
        for place, (before, rows) in enumerate(zip(folds, rows_of_folds, strict=True), start=1):
            future = executor.submit(run_fold, _job(search, before, rows), lambda _: None)
            while not future.done():
                executor.wait([future])
            outcome = future.result()
            predictions.append(Predictions(outcome.rows, outcome.logits))
            progress(number_of_share * len(folds) + place, total)
        tested.append((rows_of_folds, joined(predictions)))
    everything = [_train(search, before) for before in folds]
    tested.append((everything, joined(Predictions(each.rows, each.logits) for each in folds)))
    manifest = search.manifest
    return learning_curve(
        [(_speakers(manifest, rows), _tally(manifest, found)) for rows, found in tested]
    )


def _train(search: Search, before: Recorded) -> Rows:
    return search.split.folds[int(before.fold)].train


def _fewer(search: Search, before: Recorded, share: float) -> Rows | None:
    """The training rows of a share of a fold's speakers; None if they are too few."""
    manifest, train = search.manifest, _train(search, before)
    speakers = manifest.speakers[train]
    seed = derive_seed(search.plan.root_seed, "learning curve", before.fold)
    drawn = np.random.default_rng(seed).permutation(np.unique(speakers))
    kept = drawn[: ceil(share * len(drawn))]
    rows: Rows = train[np.isin(speakers, kept)]
    every = set(manifest.targets[train].tolist())
    if len(kept) < 2 or len(kept) == len(drawn) or set(manifest.targets[rows].tolist()) < every:
        return None
    return rows


def _job(search: Search, before: Recorded, rows: Rows) -> Job:
    """The training of a fold, on these rows instead of all."""
    job = search.job(before.trial, Configuration.from_parameters(before.parameters), before.fold)
    seed = derive_seed(search.plan.root_seed, "validation", before.fold)
    part = validation_part(search.manifest, search.protocol, rows, seed)
    return replace(job, train=part.train, validation=part.test)


def _speakers(manifest: Manifest, rows_of_folds: Sequence[Rows]) -> float:
    """Mean number of training speakers over the folds."""
    return float(np.mean([len(np.unique(manifest.speakers[rows])) for rows in rows_of_folds]))


def _tally(manifest: Manifest, found: Predictions) -> Tally:
    return tally(found.logits, manifest.targets[found.rows], manifest.speakers[found.rows])
