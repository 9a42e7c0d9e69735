"""Runs: recipes, training time, folds and evaluation."""
