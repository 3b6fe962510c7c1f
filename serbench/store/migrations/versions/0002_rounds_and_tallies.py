"""Rounds of a protocol, where a study's numbers come from, and what comparing entries takes.

Entries of before get no protocol identifier and no tally here: `serbench leaderboard rescore`
computes both from their logits.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OPTIONAL: dict[str, sa.types.TypeEngine[Any]] = {
    "cv_uar_mean": sa.Double(),
    "cv_uar_sd": sa.Double(),
    "params": sa.BigInteger(),
    "macs": sa.BigInteger(),
    "artifact": sa.String(),
    "artifact_sha256": sa.String(),
}
"""What an entry brought from outside does not have."""

PARTS = ("front_end_p50", "front_end_p90", "network_p50", "network_p90")
"""What a latency measured elsewhere does not have."""


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("study") as study:
        study.add_column(sa.Column("family", sa.String(), nullable=False, server_default=""))
        study.add_column(sa.Column("round", sa.Integer(), nullable=False, server_default="0"))
        study.add_column(sa.Column("numerics", sa.JSON(), nullable=False, server_default="{}"))
    op.execute("UPDATE study SET family = key")
    with op.batch_alter_table("study") as study:
        for column in ("family", "round", "numerics"):
            study.alter_column(column, server_default=None)
        study.create_index("ix_study_family", ["family"], unique=False)

    with op.batch_alter_table("entry") as entry:
        entry.drop_column("fold_id")
        entry.add_column(sa.Column("protocol_id", sa.String(), nullable=False, server_default=""))
        entry.add_column(sa.Column("ece", sa.Double(), nullable=False, server_default="0"))
        entry.add_column(sa.Column("intervals", sa.JSON(), nullable=False, server_default="{}"))
        entry.add_column(sa.Column("tally", sa.LargeBinary(), nullable=False, server_default=""))
        for column, kind in OPTIONAL.items():
            entry.alter_column(column, existing_type=kind, nullable=True)
    with op.batch_alter_table("entry") as entry:
        for column in ("protocol_id", "ece", "intervals", "tally"):
            entry.alter_column(column, server_default=None)
    with op.batch_alter_table("latency") as latency:
        for column in PARTS:
            latency.alter_column(column, existing_type=sa.Double(), nullable=True)


def downgrade() -> None:
    """Undo, as far as entries have all that the first schema asks for."""
    with op.batch_alter_table("latency") as latency:
        for column in PARTS:
            latency.alter_column(column, existing_type=sa.Double(), nullable=False)
    with op.batch_alter_table("entry") as entry:
        for column in ("protocol_id", "ece", "intervals", "tally"):
            entry.drop_column(column)
        for column, kind in OPTIONAL.items():
            entry.alter_column(column, existing_type=kind, nullable=False)
        entry.add_column(sa.Column("fold_id", sa.Integer(), nullable=True))
    op.execute(
        "UPDATE entry SET fold_id = (SELECT fold.id FROM fold JOIN trial ON trial.id = "
        "fold.trial_id WHERE trial.study_id = entry.study_id AND fold.name = 'exam')"
    )
    with op.batch_alter_table("entry") as entry:
        entry.alter_column("fold_id", existing_type=sa.Integer(), nullable=False)
        entry.create_foreign_key("fk_entry_fold", "fold", ["fold_id"], ["id"])
    with op.batch_alter_table("study") as study:
        study.drop_index("ix_study_family")
        for column in ("family", "round", "numerics"):
            study.drop_column(column)
