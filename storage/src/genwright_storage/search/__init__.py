"""Finding samples: an index made from the rows, which can be made again, and what is answered from it."""
