"""What others made, to measure beside it; written from their descriptions, or called where installed."""
