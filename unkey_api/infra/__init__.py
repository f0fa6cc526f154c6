"""Infra package."""
