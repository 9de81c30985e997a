"""Attention of one query a row to the keys that are kept of it, as when tokens are drawn one after another."""
