"""The invalidation bus: what one process has changed, the others forget.

Invariant: the bus only makes things faster. Entries run out by their windows whether or not anybody hears of a change,
so nothing here may hold up a request, and everything may be lost: buffers are bounded, sending fails without an error.

There are two transports: `gossip` between hosts through an agent of HashiCorp serf, and `redis` between processes that
share a Redis. Changes take the first that works, in this order, and are heard on both. With neither, they stay local;
health, metrics and the log say so, and both transports are tried again for as long as the process lives.
"""
