"""What goes before attention when tokens are drawn: norms, rotations, and keys and values put into the cache."""
