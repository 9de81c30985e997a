"""Convolutions of 3 by 3 with the same weights again and again, as when samples are drawn."""
