"""``serbench predict``: ask an entry what it hears."""

from __future__ import annotations

from pathlib import Path

import click

from serbench.cli.app import App, common_options, pass_app
from serbench.cli.output import emit_json, emit_table


@click.command()
@click.argument("entry", type=int)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True
)
@common_options
@pass_app
def predict(app: App, entry: int, files: tuple[Path, ...], format_: str) -> None:
    """Ask leaderboard entry ENTRY which emotion it hears in FILES.

    Each file is prepared as the training clips were: beyond their length it is not heard.
    """
    from serbench.deploy.network import check_weights, load_network
    from serbench.deploy.predict import listen
    from serbench.store.entries import Entries

    record = Entries(app.database).record(entry)
    weights = app.workspace.artifacts / record.artifact
    check_weights(weights, record.artifact_sha256)
    network = load_network(
        app.plugins.backbones.get(record.plan.backbone),
        app.plugins.front_ends.get(record.plan.front_end),
        record.plan.clip_format,
        len(record.emotions),
        weights,
    )
    heard = list(listen(network, record.plan.clip_format, record.emotions, files))
    if format_ == "json":
        emit_json(
            [
                {
                    "path": str(file.path),
                    "emotion": file.emotion,
                    "probabilities": file.probabilities,
                }
                for file in heard
            ]
        )
        return
    emit_table(
        ["file", "emotion", *(f">{emotion}" for emotion in record.emotions)],
        [
            [str(file.path), file.emotion]
            + [f"{probability:.3f}" for probability in file.probabilities.values()]
            for file in heard
        ],
    )
    for file in heard:
        if file.seconds > record.plan.clip_format.seconds + 1:
            click.echo(
                f"{file.path}: only the first {record.plan.clip_format.seconds:.1f} of "
                f"{file.seconds:.1f} s were heard",
                err=True,
            )
