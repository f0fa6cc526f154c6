"""The Redis client against a real server."""
