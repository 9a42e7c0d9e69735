"""Rounds, and the next training."""
