"""The options that choose rankings, which the leaderboard and its picture share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from serbench.cli.app import App
from serbench.cli.completing import datasets, named_by_plugins, protocols
from serbench.cli.output import counted
from serbench.cli.remarks import remark

if TYPE_CHECKING:
    from serbench.views.ranking import RankingView

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class Chosen:
    """Which rankings were asked for; see the help texts of `ranking_options`."""

    dataset: str | None
    protocol: str | None
    threads: str
    runtime: str
    commercial: bool


def ranking_options(command: Command) -> Command:
    """Add ``--dataset``, ``--protocol``, ``--threads``, ``--runtime`` and ``--commercial``."""
    options = [
        click.option(
            "--dataset",
            shell_complete=datasets,
            metavar="NAME",
            help="Show only entries on this dataset. [default: all datasets]",
        ),
        click.option(
            "--protocol",
            shell_complete=protocols,
            metavar="ID",
            help="Show only entries of this protocol, given by its name or its identifier. "
            "[default: all protocols]",
        ),
        click.option(
            "--threads",
            default="1",
            show_default=True,
            metavar="N|all",
            help="Show latencies that were measured on N threads, or on any number of threads "
            "(all).",
        ),
        click.option(
            "--runtime",
            shell_complete=named_by_plugins("runtime"),
            default="best",
            show_default=True,
            metavar="NAME|best|all",
            help="Show latencies in this runtime, in the fastest runtime of each entry (best), or "
            "each runtime in a ranking of its own (all). A runtime that changes logits is the "
            "fastest one only if a loss of one point of UA is excluded.",
        ),
        click.option(
            "--commercial",
            is_flag=True,
            help="Show only entries whose corpora and weights all allow commercial use; by default "
            "all entries are shown.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def read_rankings(
    app: App, chosen: Chosen, per_clip_intervals: bool = False
) -> tuple[list[RankingView], int]:
    """The chosen rankings, and how many entries ``--commercial`` leaves out.

    Raises:
        SerbenchError: the dataset or the runtime is unknown.
        click.BadParameter: the number of threads is none.
    """
    from serbench.views.fastest import BEST, EVERY
    from serbench.views.ranking import rankings

    if chosen.threads != "all" and not chosen.threads.isdecimal():
        raise click.BadParameter(
            f"'{chosen.threads}' is neither a number nor 'all'", param_hint="--threads"
        )
    if chosen.runtime not in (BEST, EVERY):
        app.plugins.runtimes.get(chosen.runtime)  # an unknown name is an error
    if chosen.dataset is not None:
        from serbench.store.datasets import Datasets

        Datasets(app.database).dataset_account(chosen.dataset)  # an unknown name is an error

    def read(commercial: bool) -> list[RankingView]:
        return rankings(
            app.database,
            dataset=chosen.dataset,
            threads=None if chosen.threads == "all" else int(chosen.threads),
            protocol=chosen.protocol,
            per_clip_intervals=per_clip_intervals,
            commercial=commercial,
            runtime=chosen.runtime,
        )

    found = read(chosen.commercial)
    if not chosen.commercial:
        return found, 0
    left_out = len(_numbers(read(False))) - len(_numbers(found))
    remark(
        f"left out: {counted(left_out, 'entry')}, whose corpora or weights do not "
        "allow commercial use or have unknown licences"
    )
    return found, left_out


def _numbers(found: list[RankingView]) -> set[int]:
    return {row.entry for ranking in found for row in ranking.rows}


def nothing_found(chosen: Chosen, left_out: int) -> tuple[str, str]:
    """Why there is no ranking, and the command to type."""
    if chosen.threads not in ("1", "all"):
        return (
            f"no latency was measured on {chosen.threads} threads",
            "serbench leaderboard --threads all",
        )
    if left_out:
        return "no entry allows commercial use", "serbench leaderboard"
    if chosen.protocol is not None:
        return f"no entries under {chosen.protocol}", "serbench leaderboard"
    return "no entries yet", "serbench study run"
