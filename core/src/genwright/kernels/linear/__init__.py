"""A product with the same weight again and again, as when tokens are drawn one after another."""
