"""Genwright: one workbench for generative models."""
