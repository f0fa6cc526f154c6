"""Support package."""
