"""The credit limiter."""
