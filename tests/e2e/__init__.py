"""E2e package."""
