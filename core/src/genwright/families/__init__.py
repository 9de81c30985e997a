"""Training objectives and the meaning of what was learned."""
