"""Imported by the process that others are forked from: all that opening a store would otherwise look for each time."""

from genwright.registry import registry
from tests.torture import aftermath

__all__ = ["aftermath"]

registry().get("store", "sqlite").load()
