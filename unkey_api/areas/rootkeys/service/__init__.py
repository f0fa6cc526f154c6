"""The use cases of root keys, one per file."""
