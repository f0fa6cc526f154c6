"""Bodies of requests: read under budgets, unpacked, weighed, decoded and held against their rules, on both surfaces.

A body is *heavy* when it is long or holds many values. A light one is decoded where it arrives. A heavy one has to earn
it: its caller is authenticated first, it takes a share of budgets of the process and of its workspace, and it
is decoded on a thread of its own. What a body may hold is bounded besides, because native parsers hold the interpreter
lock while they run, and then no thread helps the requests beside them.
"""
