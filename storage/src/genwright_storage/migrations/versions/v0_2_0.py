"""Keys and signed heads, blinded leaves, reviews, erasure. Tables that nothing had written to are made anew or go."""

from pathlib import Path
from typing import Any

from alembic import op

from genwright_storage.migrations.statements import statements

revision = "v0.2.0"
down_revision = "v0.1.0"


def upgrade() -> None:
    """Make and change the tables, indexes and triggers."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        # Given to the driver as a whole: it can tell one statement from the next.
        whole = Path(__file__).with_name("v0_2_0.postgresql.sql").read_text(encoding="utf-8")
        raw: Any = connection.connection.driver_connection
        raw.execute(whole)
        return
    for statement in statements(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")):
        connection.exec_driver_sql(statement)
