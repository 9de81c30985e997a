"""A plugin that watches runs: it counts why samples are flawed."""
