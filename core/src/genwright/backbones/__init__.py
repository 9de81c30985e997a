"""Networks without an opinion on how they are trained."""
