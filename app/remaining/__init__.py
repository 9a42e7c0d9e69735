"""How many errors remain, and when to stop the review."""
