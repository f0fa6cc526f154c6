"""Permissions package."""
