"""MySQL layer, without a server."""
