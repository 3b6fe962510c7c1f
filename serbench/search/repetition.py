"""Further trainings of a winner that differ from the recorded ones in their seed only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from functools import partial

from serbench.errors import DivergedError
from serbench.execute.executor import Executor
from serbench.execute.fold import run_fold
from serbench.execute.job import Outcome
from serbench.model.recipe import Configuration
from serbench.search.events import Repeated, Repetition
from serbench.search.study import OnEpoch, Search


def repeat_trainings(
    searches: Sequence[Search],
    due: Sequence[Repetition],
    executor: Executor,
    on_epoch: OnEpoch = lambda trial, fold, report: None,
) -> Iterator[Repeated]:
    """Run repetitions, as many at once as the search has trainings at once.

    This is a generator: the caller records each of them before it requests the next one.

    Args:
        searches: the search of each outer fold.
        due: the repetitions.
        executor: runs the trainings.
        on_epoch: called with trial, fold and report after each epoch.

    Yields:
        each repetition when it is finished.
    """
    waiting, running = list(due), list[tuple[Repetition, "Future[Outcome]"]]()
    while waiting or running:
        while waiting and len(running) < searches[0].compute.parallel:
            each = waiting.pop(0)
            job = searches[each.outer_fold].repeated_job(
                each.trial,
                Configuration.from_parameters(each.parameters),
                each.fold,
                each.number,
                each.exactly,
            )
            receive = partial(on_epoch, each.trial, each.fold)
            running.append((each, executor.submit(run_fold, job, receive)))
        executor.wait([future for _, future in running])
        done = [each for each in running if each[1].done()]
        running = [each for each in running if each not in done]
        for repetition, future in done:
            try:
                yield repetition, future.result()
            except DivergedError as error:
                yield repetition, error
