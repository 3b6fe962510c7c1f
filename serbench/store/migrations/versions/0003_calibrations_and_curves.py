"""What trainings were calibrated by, how they went from epoch to epoch, and who gave up."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "calibration",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("subject", sa.JSON(), nullable=False),
        sa.Column("found", sa.JSON(), nullable=False),
        sa.Column("measured", sa.DateTime(), nullable=False),
        sa.UniqueConstraint("key"),
    )
    with op.batch_alter_table("study") as study:
        study.add_column(sa.Column("calibration_id", sa.Integer(), nullable=True))
        study.create_foreign_key("study_calibration", "calibration", ["calibration_id"], ["id"])
    with op.batch_alter_table("fold") as fold:
        fold.add_column(sa.Column("curve", sa.JSON(), nullable=False, server_default="[]"))
        fold.add_column(
            sa.Column("given_up", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    with op.batch_alter_table("fold") as fold:
        for column in ("curve", "given_up"):
            fold.alter_column(column, server_default=None)


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("fold") as fold:
        fold.drop_column("given_up")
        fold.drop_column("curve")
    with op.batch_alter_table("study") as study:
        study.drop_constraint("study_calibration", type_="foreignkey")
        study.drop_column("calibration_id")
    op.drop_table("calibration")
