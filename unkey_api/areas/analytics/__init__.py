"""Customers ask their own events in SQL: verifications, rate limits, gateway requests, runtime logs.

Invariants: a query is rewritten by `guard` before any server sees it, and only what the guard prints is ever sent,
so a caller reads rows of its own workspace, and of those only the ones its permissions name. Each workspace asks with
its own ClickHouse login, whose row policies, grants and quota say the same once more. Neither trusts the other.

When ClickHouse or the vault is away, the caller is told so (503); a query that ClickHouse gives up on is the caller's
to change (422) and never an error of ours.
"""
