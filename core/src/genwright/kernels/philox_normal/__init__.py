"""Unit normals that are the same numbers on every device."""
