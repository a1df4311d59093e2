"""The command line, and the kit for commands."""
