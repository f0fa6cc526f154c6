"""Audit package."""
