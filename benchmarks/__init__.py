"""What is promised of quality, speed and size, measured; run with `python benchmarks/run.py molecules`."""
