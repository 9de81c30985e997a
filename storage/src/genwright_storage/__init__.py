"""The SQL store of Genwright."""
