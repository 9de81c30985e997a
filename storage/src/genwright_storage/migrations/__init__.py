"""The revisions of the tables. Alembic, which is slow to import, is left to the modules that run them."""

from __future__ import annotations

from genwright.errors import StoreReadOnly
from genwright_storage import encoding
from genwright_storage.errors import foreign

__all__ = ["HEAD", "REVISIONS", "is_current", "migration"]

# The oldest first. A test holds this against Alembic's own list.
REVISIONS = ("v0.1.0", "v0.2.0")
HEAD = REVISIONS[-1]


def is_current(url: str, revision: str, *, is_writable: bool) -> bool:
    """Whether a store of this revision is up to date.

    Raises ForeignStore for a newer one, StoreReadOnly for an older one that cannot be migrated.
    """
    if revision == HEAD:
        return True
    if revision not in REVISIONS:
        raise foreign(url, f"it is of revision {revision}, newer than {HEAD}, the newest known here")
    if not is_writable:
        raise StoreReadOnly(
            f"the store {url} of revision {revision} is to be brought to {HEAD}; it can only be read. "
            f"Open it for writing once."
        )
    return False


def migration(revision: str) -> tuple[str, str, bytes]:
    """Return the kind, the reference and the content of the entry that says that a store was of another revision."""
    return "migration", f"{revision} to {HEAD}", encoding.digest("genwright/migration/v1", revision, HEAD)
