"""Backups: one file with the database and all files that cannot be made again, and the way back (docs/backup.md)."""
