"""Networks that begin with the same weights whatever ran before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from genwright.seeds import seeded_torch


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with seeded_torch(5):
        yield
