"""Published behaviour of identities."""
