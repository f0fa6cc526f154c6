"""APIs and their keyspaces.

An API is a named front for exactly one keyspace, created together with it. Deleting is soft and shallow: keyspace and
keys stay, unreachable. Invariants: an API is never shown to another workspace, not even that it exists; a change is
committed with its audit entry or not at all. When MySQL is away, cached APIs are still read, nothing is written, and no
API is ever reported as missing for that reason.
"""
