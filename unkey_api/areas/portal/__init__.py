"""Sessions of the customer portal: what an end user may see and do there.

Invariant: tokens are known by their digest only, here, in the cache and in the database. When MySQL is away, sessions
seen lately are still known for as long as the cache serves stale entries; others are an error, never "invalid".
"""
