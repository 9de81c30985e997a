"""Checks every row against the ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection, func, select

from genwright.store import Finding
from genwright_storage import encoding, ledger, merkle, queries, rows, tables
from genwright_storage.blobs import Blobs
from genwright_storage.database import Database

__all__ = ["findings"]
def findings(database, blobs, progress): yield from ()
