"""What the right token of each row costs, by logits."""
