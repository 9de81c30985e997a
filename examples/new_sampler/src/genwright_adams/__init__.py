"""A sampler for Genwright: Adams-Bashforth."""
