"""Rootkeys package."""
