"""Following the log of changes."""
