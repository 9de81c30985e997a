"""What spreads the drawing of samples over processes or machines."""
