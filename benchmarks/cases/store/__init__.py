"""What the benchmark of the store measures, section by section."""
