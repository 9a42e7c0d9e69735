"""Groups of commands of the command line. Each command imports what it needs, so that `--help` answers at once."""
