"""Identities: whom keys belong to.

Invariant: at most one live identity per workspace and external id, however many callers create it at once. When MySQL
is away nothing is created.
"""
