"""The invalidation bus with real agents and servers."""
