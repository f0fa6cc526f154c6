"""The official Python client, unmodified."""
