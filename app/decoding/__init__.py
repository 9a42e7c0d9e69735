"""Image files as pixels, the same for the import, people and networks. No torch, no database."""
