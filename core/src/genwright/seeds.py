"""All randomness.

The stream of a sample is keyed by (run seed, sample, purpose, step, element) and nothing else, so no draw depends on
batching, order, workers or device. The bits are Philox4x32-10; uniforms, normals and Gumbel noise are made from them
with +, -, *, / and correctly rounded square roots alone, so PyTorch on any device gives equal numbers.
"""
