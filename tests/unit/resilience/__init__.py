"""Breaker, retry, single flight and background work."""
