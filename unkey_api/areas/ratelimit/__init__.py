"""Rate limiting: namespaces, overrides, and the operations that count against limits.

The counting itself is in `engine`. This package owns the tables of namespaces and overrides. Invariants: a warm check
touches neither MySQL nor the store of counters; a namespace is created at most once per name, whoever races; a batch of
checks is counted as a whole or not at all.

When MySQL is away, namespaces seen within the last day still count; unknown ones answer "unavailable" and are never
taken for missing. When the store of counters is away, limits are decided by what this process knows.
"""
