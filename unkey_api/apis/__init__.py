"""Apis package."""
