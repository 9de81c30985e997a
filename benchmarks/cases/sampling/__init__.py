"""What the benchmark of sampling measures, section by section."""
