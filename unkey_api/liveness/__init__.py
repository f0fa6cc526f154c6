"""Liveness package."""
