"""The database: transactions, group commit, compiled statements, migrations."""
