"""Integration package."""
