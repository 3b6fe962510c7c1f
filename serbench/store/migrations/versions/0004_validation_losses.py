"""What a training's validation loss was after each epoch."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("fold") as fold:
        fold.add_column(sa.Column("losses", sa.JSON(), nullable=False, server_default="[]"))
    with op.batch_alter_table("fold") as fold:
        fold.alter_column("losses", server_default=None)


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("fold") as fold:
        fold.drop_column("losses")
