"""Unit package."""
