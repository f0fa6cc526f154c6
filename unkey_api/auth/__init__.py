"""From the credential of a request to the principal it acts as.

Each kind of credential has a resolver; a chain asks them in the order of the configuration and reports the gravest
failure if none knows the caller. Invariant: a credential that could not be checked is an error of ours, never a denial.
When MySQL is away, callers seen lately are still known, for as long as the cache of keys serves stale entries.
"""
