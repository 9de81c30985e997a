"""A step of a sampler that removes noise, in one pass over the samples."""
