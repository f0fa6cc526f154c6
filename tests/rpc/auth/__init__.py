"""Credentials, through the whole application."""
