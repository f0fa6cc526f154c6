"""Published behaviour."""
