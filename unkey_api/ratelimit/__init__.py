"""Ratelimit package."""
