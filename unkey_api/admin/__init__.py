"""What the person running the service does from a terminal: workspaces and their root keys.

Root keys are written as the operations on them write (`rootkeys`), but nobody judges the person at the terminal, who
may change those of every workspace. Every change is one transaction with its audit entry, and told to running servers.
When MySQL is away nothing is written.
"""
