"""The limiter engine."""
