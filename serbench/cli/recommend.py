"""``serbench recommend``: which entry to ship."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from serbench.cli.app import App, Command, common_options, pass_app
from serbench.cli.completing import datasets, named_by_plugins, protocols
from serbench.cli.output import emit_json, emit_text, format_option
from serbench.cli.remarks import counting, next_command

if TYPE_CHECKING:
    from serbench.score.learning_curve import Point


class Finite(click.FloatRange):
    """A number in a range; `nan` is in no range."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Convert as click does, and refuse `nan` and infinite numbers."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


@click.command("recommend", cls=Command)
@click.option(
    "--dataset",
    shell_complete=datasets,
    metavar="NAME",
    help="Recommend an entry on this dataset. [default: the only dataset with entries]",
)
@click.option(
    "--protocol",
    shell_complete=protocols,
    metavar="ID",
    help="Recommend an entry of this protocol, given by its name or its identifier. [default: the "
    "only protocol with entries]",
)
@click.option(
    "--max-latency-ms",
    type=Finite(min=0, min_open=True),
    metavar="MS",
    help="Recommend only an entry whose p90 latency is at most this. [default: any]",
)
@click.option(
    "--max-size-mb",
    type=Finite(min=0, min_open=True),
    metavar="MB",
    help="Recommend only an entry whose weights have at most this size. [default: any]",
)
@click.option(
    "--margin",
    type=Finite(0, 100),
    default=3.0,
    show_default=True,
    metavar="POINTS",
    help="Prefer a faster entry if it certainly loses at most this many points of UA.",
)
@click.option(
    "--runtime",
    shell_complete=named_by_plugins("runtime"),
    default="best",
    show_default=True,
    metavar="NAME|best",
    help="Use latencies in this runtime, or in the fastest runtime of each entry (best).",
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Use latencies that were measured on N threads.",
)
@click.option(
    "--commercial",
    is_flag=True,
    help="Recommend only an entry whose corpora and weights all allow commercial use; by default "
    "any entry.",
)
@click.option(
    "--learning-curve",
    is_flag=True,
    help="Train the recommended configuration on fewer speakers too, and show UA against the "
    "number of training speakers; by default nothing is trained.",
)
@format_option("text", "json")
@common_options
@pass_app
def recommend(
    app: App,
    dataset: str | None,
    protocol: str | None,
    max_latency_ms: float | None,
    max_size_mb: float | None,
    margin: float,
    runtime: str,
    threads: int,
    commercial: bool,
    learning_curve: bool,
    format_: str,
) -> None:
    """Recommend one entry to ship, and say who ties with it.

    The most accurate entry is recommended, unless a faster one certainly loses at most --margin
    points of UA. If a faster one may be as good, the answer is undecided: both are named, and how
    many more speakers would decide.
    """
    from serbench.views.eligible import Wanted
    from serbench.views.fastest import BEST
    from serbench.views.recommendation import recommend as recommended

    if dataset is not None:
        from serbench.store.datasets import Datasets

        Datasets(app.database).dataset_account(dataset)  # an unknown name is an error
    if runtime != BEST:
        app.plugins.runtimes.get(runtime)  # an unknown name is an error
    found = recommended(
        app.database,
        Wanted(
            *(dataset, protocol, threads, runtime, max_latency_ms, max_size_mb, commercial, margin)
        ),
    )
    if learning_curve and found.shipped is not None:
        found = replace(found, curve=_curve(app, found.shipped.entry))
    if format_ == "json":
        emit_json(found.as_dict())
        return
    for sentence in found.sentences:
        emit_text(sentence)
    if found.entry is not None:
        next_command(f"serbench export {found.entry}")


def _curve(app: App, entry: int) -> tuple[Point, ...]:
    from serbench.execute.executor import HERE, executor_of
    from serbench.run.learning_curve import curve_of
    from serbench.run.listener import Listener

    with executor_of(HERE) as executor, counting("trainings") as progress:
        return curve_of(
            entry, app.plugins, app.workspace, app.database, Listener(), executor, progress
        )
