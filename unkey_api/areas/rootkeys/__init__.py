"""Root keys: the credentials for this service itself.

A root key is an ordinary row of `keys` that acts for another workspace: `workspace_id` is the operator's, in whose
keyspace all root keys live, `for_workspace_id` the one it acts for. What it may do are permissions of the operator's
workspace, linked to it directly or through roles.

Invariants: nobody gives away what they do not hold; a key that expires makes no key that outlives it; a secret is seen
once; every change commits together with its audit entry, and this process refuses a key that was ended from the next
request on. When MySQL is away nothing is written.
"""
