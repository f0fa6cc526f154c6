"""Unkey_api package."""
