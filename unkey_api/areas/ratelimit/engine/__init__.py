"""The limiter: sliding-window counters kept in this process, synchronised with the region's store behind the answers.

A window is `duration_ms` long and aligned to the Unix epoch. What counts is the running window plus the previous one
weighted by how much of it still lies within one duration from now. Counters are known by workspace, namespace,
identifier and duration, so different limits of one duration share a counter.

Invariants: a cell's count only grows, except inside the one synchronous block that undoes a failed batch; a denied
check consumes nothing; no await lies between looking at the counts and adding to them.

When the store is away, checks are decided on what this process knows. No check ever fails for that reason.
"""
