"""From one run to the next: what changed in between, and the next training."""
