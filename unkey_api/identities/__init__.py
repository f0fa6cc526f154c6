"""Identities package."""
