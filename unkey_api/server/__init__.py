"""Processes and listeners.

A supervisor owns the listening sockets and forks one worker per core. Each worker runs one event loop with two
listeners over the same application: HTTP/1.1 by our own
`http1`, HTTP/2 by hypercorn. A worker that dies is replaced; a
SIGTERM to the supervisor drains all of them.
"""
