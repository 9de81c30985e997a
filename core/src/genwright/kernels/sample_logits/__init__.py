"""One token a row, drawn from logits by a rule."""
