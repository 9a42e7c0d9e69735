"""The review: one card at a time, the grid, one sample, duplicates."""
