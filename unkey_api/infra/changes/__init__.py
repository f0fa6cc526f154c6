"""Following the log of changes, so that this process knows what the others changed, and how current that knowledge is.

Invariants: changes of a lane are acted on in their order, none is skipped; when one is missing, everything cached is
dropped. The log is read from the primary only.

When MySQL is away the follower waits and tries again; the windows of the caches bound how long they serve meanwhile.
"""
