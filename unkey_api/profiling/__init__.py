"""Looking into a running worker: CPU profile, heap, tasks and threads, in the format `go tool pprof` reads.

Only reachable when user name and password are configured. A CPU profile samples the stacks of all threads from a thread
of its own; a heap profile traces allocations for as long as it is asked to, which slows the worker down meanwhile.
"""
