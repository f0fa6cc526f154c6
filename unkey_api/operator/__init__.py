"""What the person running the service does from a terminal: workspaces and their root keys.

A root key is an ordinary key of the operator's own workspace that acts for another workspace. The operator workspace,
its API and its keyspace are created the first time a root key is issued; a database that already has root keys keeps
using the keyspace they are in. Every change is one transaction with its audit entry. When MySQL is away nothing is
written.
"""
