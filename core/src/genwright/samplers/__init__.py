"""Procedures that draw samples through a reading."""
