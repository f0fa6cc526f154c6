"""Control package."""
