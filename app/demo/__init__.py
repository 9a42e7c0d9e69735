"""The demonstration: drawn faces with known errors."""
