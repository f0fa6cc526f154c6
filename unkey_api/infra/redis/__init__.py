"""Our way to Redis: one multiplexed connection, a time budget per command, scripts kept as files.

Redis holds counters only; losing it loses no truth. A command either answers within its budget or raises
`RedisUnavailable`; while there is no connection it raises at once, so nobody waits for a reconnect. Redis being down at
start is a warning, and the connection comes up by itself later.
"""
