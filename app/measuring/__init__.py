"""Is this run better? The hold-out, its figures, and comparisons."""
