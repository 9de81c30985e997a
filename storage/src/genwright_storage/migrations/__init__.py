"""The revisions of the tables. Alembic, which is slow to import, is left to the modules that run them."""

from __future__ import annotations

__all__ = ["HEAD", "REVISIONS"]

# The oldest first. A test holds this against Alembic's own list.
REVISIONS = ("v0.1.0", "v0.2.0")
HEAD = REVISIONS[-1]
