"""The tables of the first release, as the statements that made them."""

from pathlib import Path

from alembic import op

from genwright_storage.migrations.statements import statements

revision = "v0.1.0"
down_revision = None


def upgrade() -> None:
    """Make the tables, indexes and triggers."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        return  # stores there begin with v0.2.0
    for statement in statements(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")):
        connection.exec_driver_sql(statement)
