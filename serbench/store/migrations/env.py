"""Alembic's entry: migrate over the connection that serbench hands in."""

from alembic import context

from serbench.store.database import VERSION_TABLE
from serbench.store.schema import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
