"""What the right tokens cost, by activations and the weight that makes logits of them."""
