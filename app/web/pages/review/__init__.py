"""Second opinions and the gold part."""
