"""Copies of networks for inference on a CPU, with weights laid out beforehand as loops take them."""
