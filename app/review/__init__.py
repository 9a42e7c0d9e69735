"""What people said of labels, and what follows at once: decisions, their fold, claims, the gold part."""
