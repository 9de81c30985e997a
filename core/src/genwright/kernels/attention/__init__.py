"""Attention: dense or packed, causal or not, within a window or not, with an additive bias or not."""
