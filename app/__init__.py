"""Toploss: from a noisy image folder to clean labels and a better model."""
