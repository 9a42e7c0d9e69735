"""What we label: data sets, classes, samples and frozen versions of their labels."""
