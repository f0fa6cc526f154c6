"""Contract package."""
