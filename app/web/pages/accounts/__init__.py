"""Log-in, the own account, and the people."""
