"""What the benchmark of kernels measures, section by section."""
