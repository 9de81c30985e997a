"""Sounds for Genwright."""
