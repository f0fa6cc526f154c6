"""The cache."""
