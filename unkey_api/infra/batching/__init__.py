"""Batching package."""
