"""Formats of recorded samples of any domain."""
