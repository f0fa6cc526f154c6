"""Identities: whom keys belong to, with limits shared by all their keys.

Invariants: at most one live identity per workspace and external id, however many callers create it at once; a deleted
one keeps its row until the next of the same external id is deleted; changes of one identity happen one after the other.
A change is committed with its audit entries or not at all. When MySQL is away nothing is changed, and no identity is
reported as missing for that reason.
"""
