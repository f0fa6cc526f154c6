"""The use cases of keys, one per file. Verification has a package of its own."""
