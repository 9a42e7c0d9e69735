"""Data sets: the list, the overview, imports."""
