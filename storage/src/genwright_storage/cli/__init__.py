"""Commands that the SQL store adds to those of core."""
