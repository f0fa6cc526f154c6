"""Vault package."""
