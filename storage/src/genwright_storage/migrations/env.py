"""Run by Alembic: applies the revisions over the connection that `upgrade` passes."""

from alembic import context

from genwright_storage.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
