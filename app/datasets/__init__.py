"""Data sets, classes, samples and frozen versions of their labels."""
