"""The product of one half of the channels with an activation of the other."""
