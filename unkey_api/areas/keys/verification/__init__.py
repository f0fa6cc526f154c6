"""Deciding whether a presented key may be used.

Invariants: a warm verification touches neither MySQL nor the limiter's store; a cold one is one statement; everything a
verification needs of a key is worked out once, when the key is loaded.

When MySQL is away, cached keys verify until their stale window ends and unknown ones are an error, never "not found".
When the rate limiter cannot decide, the request passes; when credits cannot be counted, it is an error.
"""
