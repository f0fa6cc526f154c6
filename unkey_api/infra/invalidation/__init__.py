"""Invalidation package."""
