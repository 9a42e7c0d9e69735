"""What people decided: decisions, the worklist and the labels that follow."""
