"""Times as other programs read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["moment"]


def moment(nanoseconds: int) -> datetime:
    """Return the time, in UTC and to the microsecond, that lies these nanoseconds after 1970."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=nanoseconds // 1000)
