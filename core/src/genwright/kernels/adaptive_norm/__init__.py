"""The end of one part of a transformer and the beginning of the next: gate, residual, norm, modulation."""
