"""Annotators and admins: users, sessions, API tokens."""
