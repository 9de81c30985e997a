"""Formats in which recorded samples tell of themselves to others: W3C PROV, in-toto and C2PA."""
