"""Rpc package."""
