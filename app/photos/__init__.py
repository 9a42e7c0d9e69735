"""Images from outside, shown to a run's network."""
