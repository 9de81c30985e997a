"""The sections of the benchmark, a module each, with a function `rows` that yields what it measured."""
