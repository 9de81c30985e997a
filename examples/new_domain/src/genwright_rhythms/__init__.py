"""A domain for Genwright: rhythms."""
