"""``serbench corpus doctor``: possible defects of a dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from serbench.cli.app import App, Command, common_options, pass_app
from serbench.cli.completing import datasets
from serbench.cli.output import counted, emit_json, emit_table, emit_text, format_option
from serbench.cli.remarks import counting, errors, next_command, remark
from serbench.errors import UsageError

if TYPE_CHECKING:
    from serbench.data.doctor.finding import Finding
    from serbench.data.exclusions import Exclusion
    from serbench.data.manifest import Manifest

SHOWN = 12
"""The table lists at most this many findings of one kind; JSON holds all of them."""

NAMED = 3
"""A warning names at most this many recordings, speakers or emotions."""


@click.command("doctor", cls=Command)
@click.argument("name", shell_complete=datasets)
@click.option(
    "--fix",
    is_flag=True,
    help="Leave out recordings that are certainly defective, and store the dataset again; by "
    "default nothing is changed.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the exclusion list of --fix to this file. [default: NAME-exclusions.csv in the "
    "folder of the database]",
)
@format_option("table", "json")
@common_options
@pass_app
def doctor_command(app: App, name: str, fix: bool, out: Path | None, format_: str) -> None:
    """List possible defects of dataset NAME, with a suggestion for each.

    Every recording is read. The findings are advice: the exit code is 0 with and without them.
    They are stored, so that the site of `serbench publish` shows them.
    --fix leaves out silent recordings, superfluous copies, and identical audio with two labels or
    two speakers; recordings that only differ from the others stay.
    """
    from serbench.data.doctor.inspection import exclusions, inspect
    from serbench.data.exclusions import write_exclusions
    from serbench.store.datasets import Datasets

    if out is not None and not fix:
        raise UsageError("--out names the list that --fix writes: add --fix, or remove --out")
    datasets = Datasets(app.database)
    manifest, account = datasets.manifest(name), datasets.dataset_account(name)
    if account["skipped"] and "defects" not in account:
        errors().print(
            "this dataset was scanned by a version that did not store the skipped files: scan "
            "again to list them here",
            highlight=False,
        )
    corpora = {corpus.name: corpus for corpus in app.plugins.corpora}
    with counting("recordings read") as progress:
        findings = inspect(manifest, corpora, account.get("defects", ()), progress)
    datasets.save_findings(name, findings)
    doubtful = exclusions(manifest, findings)
    left, written = None, None
    if fix and doubtful:
        written = out or app.workspace.artifacts.parent / f"{name.replace('/', '-')}-exclusions.csv"
        # The file first: where it cannot be written, the dataset stays as it was.
        write_exclusions(written, tuple(dict.fromkeys((*datasets.exclusions(name), *doubtful))))
        left = datasets.leave_out(name, doubtful, corpora)
    if format_ == "json":
        emit_json(
            {
                "dataset": name,
                "hash": manifest.hash,
                "recordings": len(manifest),
                "findings": [asdict(finding) for finding in findings],
                "by_kind": dict(Counter(finding.kind for finding in findings)),
                "to_leave_out": len(doubtful),
                "exclusions": None if written is None else str(written),
                "hash_without_them": None if left is None else left.hash,
            }
        )
    else:
        _show(manifest, findings, doubtful)
        if left is not None:
            emit_text(
                f"left out {counted(len(doubtful), 'recording')}, listed in {written}; "
                f"dataset {name} is now [{left.hash[:8]}], {counted(len(left), 'recording')}"
            )
        elif fix:
            emit_text("there is nothing to leave out: the dataset is unchanged")
    fixes = doubtful and not fix
    next_command(f"serbench corpus doctor {name} --fix" if fixes else f"serbench search {name}")


def show_warnings(manifest: Manifest, findings: Sequence[Finding]) -> None:
    """Print a line on standard error for each kind of finding, without mere notes."""
    kinds = Counter(finding.kind for finding in findings if finding.severity != "note")
    for kind, count in kinds.items():
        named = list(dict.fromkeys(each.subject for each in findings if each.kind == kind))
        listed = ", ".join(named[:NAMED]) + (", …" if len(named) > NAMED else "")
        remark(f"warning: {counted(count, 'finding')} of {kind} ({listed})")
    if kinds:
        remark(f"`serbench corpus doctor {manifest.name}` lists what to do")


def _show(manifest: Manifest, findings: Sequence[Finding], doubtful: Sequence[Exclusion]) -> None:
    title = f"dataset {manifest.name} [{manifest.hash[:8]}]"
    if not findings:
        emit_text(f"{title}: no findings in {counted(len(manifest), 'recording')}")
        return
    kinds = Counter(finding.kind for finding in findings)
    listed: Counter[str] = Counter()
    rows = []
    for finding in findings:
        listed[finding.kind] += 1
        if listed[finding.kind] <= SHOWN:
            rows.append([finding.kind, finding.subject, finding.measured, finding.suggestion])
    emit_table(["finding", "subject", "measured", ">suggestion"], rows, title=title)
    click.echo()
    for kind, count in kinds.items():
        if count > SHOWN:
            click.echo(f"{count - SHOWN:,} more findings of {kind}: --format json lists all")
    counts = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common())
    click.echo(f"{counted(len(findings), 'finding')}: {counts}")
    if doubtful:
        click.echo(f"--fix would leave out {counted(len(doubtful), 'recording')}")
