"""Keys and signed heads, blinded leaves, reviews, erasure. Tables that nothing had written to are made anew or go."""

from pathlib import Path

from alembic import op

from genwright_storage.migrations.statements import statements

revision = "v0.2.0"
down_revision = "v0.1.0"


def upgrade() -> None:
    """Make and change the tables, indexes and triggers."""
    connection = op.get_bind()
    for statement in statements(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")):
        connection.exec_driver_sql(statement)
