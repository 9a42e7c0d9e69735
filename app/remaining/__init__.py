"""How many errors are left, and when to stop."""
