"""Encoders of any domain."""
