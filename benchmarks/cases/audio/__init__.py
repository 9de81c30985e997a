"""What the benchmark of sounds measures, section by section."""
