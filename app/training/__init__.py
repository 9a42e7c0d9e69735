"""How well a network learnt it: runs and their evaluation."""
