"""A group norm, perhaps modulated, and SiLU."""
