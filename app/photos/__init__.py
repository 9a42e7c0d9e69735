"""Photos that people send to a run's network to see its prediction."""
