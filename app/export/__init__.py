"""The cleaned labels as files: one module per format."""
