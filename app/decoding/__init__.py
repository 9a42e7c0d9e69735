"""Image files to pixels, in one way for the import, the pages and the networks. No torch, no database."""
