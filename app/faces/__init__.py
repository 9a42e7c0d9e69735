"""Drawing faces."""
