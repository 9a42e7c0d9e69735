"""Backups: one file with the database and all files that cannot be created again (docs/backup.md)."""
