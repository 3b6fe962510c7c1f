"""The paper's exhibits for the entries of a database: figures, their data, and a page."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import matplotlib

from serbench.data.cells import csv_text
from serbench.errors import StorageError
from serbench.model.environment import versions
from serbench.plugins import Plugins
from serbench.store.database import Database
from serbench.views.printed import Printed, read_printed
from serbench.views.report.accuracy import accuracy
from serbench.views.report.calibration import calibration
from serbench.views.report.clip import clip
from serbench.views.report.emotions import emotions
from serbench.views.report.exhibit import Exhibit
from serbench.views.report.latency import latencies
from serbench.views.report.material import Material, read_material
from serbench.views.report.sample_rates import sample_rates
from serbench.views.report.style import save_figure, style
from serbench.views.report.table import columns_of
from serbench.views.tables import Markdown, markdown_table, markdown_text

PAGE = "report.md"


@dataclass(frozen=True)
class Written:
    """The files of a report.

    Attributes:
        page: the Markdown page.
        files: all files; the page is the last one.
        missing: a sentence for each exhibit without a figure, with the reason.
    """

    page: Path
    files: tuple[Path, ...]
    missing: tuple[str, ...]


def paper_exhibits(material: Material, plugins: Plugins, printed: Printed) -> list[Exhibit]:
    """All exhibits, in the order of the page."""
    return [
        sample_rates(material.manifest, printed.paper),
        clip(material, plugins),
        accuracy(material, printed),
        emotions(material, printed.paper),
        latencies(material, printed.paper),
        calibration(material),
    ]


def write_paper_report(
    database: Database,
    plugins: Plugins,
    folder: Path,
    made: datetime,
    dataset: str | None = None,
    protocol: str | None = None,
    options: Sequence[str] = (),
) -> Written:
    """Write every exhibit of the paper for the entries on one dataset and protocol.

    Args:
        database: database of the entries.
        plugins: plugins with the front end and the augmentations of the clip.
        folder: output folder; existing files of the same names are replaced.
        made: date and time for the page.
        dataset: name of the dataset; by default the only one with entries.
        protocol: name of the protocol; by default the one with most entries.
        options: further options of the command line, for the page.

    Raises:
        UsageError: no entries, or several datasets and none named.
        StorageError: the folder cannot be written to.
    """
    printed = read_printed()
    material = read_material(
        database, dataset, protocol, printed.paper.backbones, printed.paper.schedules
    )
    command = ["serbench", "report", "paper", "--out", str(folder)]
    command += ["--dataset", material.manifest.name, "--protocol", material.protocol, *options]
    exhibits = paper_exhibits(material, plugins, printed)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = [file for exhibit in exhibits for file in _write(exhibit, folder)]
        page = folder / PAGE
        page.write_text(
            as_page(material, printed, exhibits, shlex.join(command), made), encoding="utf-8"
        )
    except OSError as error:
        raise StorageError(
            f"{folder} cannot be written to ({error.strerror}): name another folder with --out"
        ) from error
    missing = [exhibit.caption.strip("*") for exhibit in exhibits if exhibit.draw is None]
    return Written(page, (*files, page), tuple(missing))


def _write(exhibit: Exhibit, folder: Path) -> list[Path]:
    """Write the exhibit's files and return them; none where there is nothing to draw."""
    if exhibit.draw is None:
        return []
    # The style must also be active while a figure is saved.
    with style():
        files = save_figure(exhibit.draw(), folder / exhibit.name)
    data = folder / f"{exhibit.name}.csv"
    data.write_text(csv_text(columns_of(exhibit.data), exhibit.data), encoding="utf-8")
    return [*files, data]


def as_page(
    material: Material,
    printed: Printed,
    exhibits: Sequence[Exhibit],
    command: str,
    made: datetime,
) -> str:
    """The page: a description of the data, then every exhibit with its caption and table."""
    manifest = material.manifest
    used = ", ".join(f"{name} {number}" for name, number in versions().items())
    parts = [
        f"# {printed.paper.title.partition(',')[0]}'s exhibits on {markdown_text(manifest.name)}",
        f"The exhibits follow {printed.paper.title}. All figures were measured with serbench on "
        "the dataset below, except those of the paper and of published systems, which are marked.",
    ]
    if manifest.synthetic:
        parts.append(
            "**The dataset is synthetic speech: these numbers show that the software works and "
            "do not apply to human speech.**"
        )
    parts += [
        markdown_table(
            ["", ""],
            [
                ["command", Markdown(f"`{command}`")],
                ["made", made.isoformat(sep=" ", timespec="minutes")],
                ["dataset", f"{manifest.name}, hash {manifest.hash}"],
                ["synthetic", "yes" if manifest.synthetic else "no"],
                ["protocol", material.protocol],
                ["entries", str(len(material.entries))],
                ["versions", f"{used}, matplotlib {matplotlib.__version__}"],
            ],
        ),
        _dataset_beside_paper(material, printed),
    ]
    for number, exhibit in enumerate(exhibits, start=1):
        parts.append(f"## {number}. {exhibit.title}")
        if exhibit.draw is not None:
            parts.append(f"![{exhibit.title}]({exhibit.name}.png)")
        parts.append(exhibit.caption)
        if exhibit.body:
            parts.append(exhibit.body)
        if exhibit.draw is not None:
            parts.append(f"[SVG]({exhibit.name}.svg) · [data]({exhibit.name}.csv)")
    return "\n\n".join(parts) + "\n"


def _dataset_beside_paper(material: Material, printed: Printed) -> str:
    manifest, paper = material.manifest, printed.paper
    milliseconds = 1000 * sum(u.seconds for u in manifest.utterances) / len(manifest)
    trained = material.trained
    clip_format = None if trained is None else trained.clip_format
    rows = [
        ["clips", f"{len(manifest):,}", f"{paper.clips:,}"],
        ["mean length, ms", f"{milliseconds:,.0f}", f"{paper.mean_milliseconds:,.0f}"],
        [
            "resampled to, Hz",
            "" if clip_format is None else f"{clip_format.sample_rate:,}",
            f"{paper.sample_rate:,}",
        ],
    ]
    return markdown_table(["dataset", ">here", ">paper"], rows)
