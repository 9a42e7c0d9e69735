"""Which labels look wrong: scores and rankings."""
