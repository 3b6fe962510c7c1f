"""``serbench plot``: charts of a dataset, a study, an entry or the leaderboard as a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from serbench.cli.app import App, Group, common_options, pass_app
from serbench.cli.ranking_options import Chosen, nothing_found, ranking_options, read_rankings

if TYPE_CHECKING:
    from serbench.views.charts.drawing import Drawing

Command = TypeVar("Command", bound=Callable[..., Any])


@click.group(cls=Group)
def plot() -> None:
    """Draw the charts of a dataset, a study, an entry or the leaderboard.

    The charts are those of the site. A picture needs Altair and vl-convert: pip install altair
    vl-convert-python, or pip install '.[site]' in a checkout.
    """


def _picture_options(command: Command) -> Command:
    out = click.option(
        "--out",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        required=True,
        help="Write the picture into this file, whose name ends with .png, .svg or .html. An HTML "
        "file has tooltips and needs no network.",
    )
    theme = click.option(
        "--theme",
        type=click.Choice(["light", "dark"]),
        default="light",
        show_default=True,
        help="Draw on a light or a dark background.",
    )
    return out(theme(command))


def _chart_option(*names: str) -> Callable[[Command], Command]:
    return click.option(
        "--chart",
        "names",
        type=click.Choice(names),
        multiple=True,
        help="Draw only this chart; may be given several times. [default: all charts]",
    )


@plot.command("corpus")
@click.argument("name")
@_chart_option("emotions", "lengths")
@_picture_options
@common_options
@pass_app
def corpus_command(app: App, name: str, names: tuple[str, ...], out: Path, theme: str) -> None:
    """Draw the clips of each emotion and speaker of dataset NAME, and their lengths."""
    from serbench.store.datasets import Datasets
    from serbench.views.charts.pictures import corpus_pictures

    pictures = corpus_pictures(Datasets(app.database).manifest(name))
    _write(pictures, names, out, theme, f"Clips in {name}")


STUDY = ("trials", "importance", "slices", "curves")


@plot.command("study")
@click.argument("number", metavar="STUDY", type=int)
@_chart_option(*STUDY)
@_picture_options
@common_options
@pass_app
def study_command(app: App, number: int, names: tuple[str, ...], out: Path, theme: str) -> None:
    """Draw the trials of STUDY, the importance of its parameters, their slices, and its trainings.

    Charts for which the study has no numbers are left out, such as the curves of a head that is
    fitted without epochs.
    """
    from serbench.views.charts.pictures import study_pictures
    from serbench.views.study import study_view

    pictures = study_pictures(study_view(app.database, number))
    _write(pictures, names, out, theme, f"Study {number}")


@plot.command("entry")
@click.argument("number", metavar="ENTRY", type=int)
@_chart_option(*("confusion", "recall", "speakers", "reliability", "rejection", "latency"), *STUDY)
@_picture_options
@common_options
@pass_app
def entry_command(app: App, number: int, names: tuple[str, ...], out: Path, theme: str) -> None:
    """Draw the confusions, recalls, speakers, probabilities and latencies of ENTRY, and its study.

    Charts for which the entry has no numbers are left out.
    """
    from serbench.views.charts.pictures import entry_pictures
    from serbench.views.detail import entry_detail
    from serbench.views.study import study_view

    detail = entry_detail(app.database, number)
    study = None if detail.study is None else study_view(app.database, detail.study)
    title = f"Entry {number}: {detail.view.backbone}"
    _write(entry_pictures(detail, study), names, out, theme, title)


@plot.command("front")
@ranking_options
@_picture_options
@common_options
@pass_app
def front_command(app: App, /, out: Path, theme: str, **options: Any) -> None:
    """Draw UA against latency with the Pareto front, for each ranking of the leaderboard."""
    from serbench.errors import UsageError
    from serbench.views.charts.pictures import front_pictures

    chosen = Chosen(**options)
    found, left_out = read_rankings(app, chosen)
    if not found:
        raise UsageError(nothing_found(chosen, left_out))
    _write(front_pictures(found), (), out, theme, "UA and latency")


def _write(
    pictures: Mapping[str, Drawing | None],
    names: tuple[str, ...],
    out: Path,
    theme: str,
    title: str,
) -> None:
    from serbench.views.charts.files import write_chart
    from serbench.views.charts.pictures import together
    from serbench.views.charts.style import THEMES

    write_chart(together(pictures, names), out, title, THEMES[theme])
    click.echo(str(out))
