"""Molecules for Genwright: small organic molecules as SMILES."""
