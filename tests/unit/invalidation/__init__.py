"""The invalidation bus."""
