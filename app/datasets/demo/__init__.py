"""A data set of drawn faces with known label errors, to try Toploss without photographs of people."""
