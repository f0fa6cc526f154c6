"""Rules of rate limiting."""
