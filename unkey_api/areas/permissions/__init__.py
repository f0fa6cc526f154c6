"""Permissions and roles of a workspace.

Invariants: a slug names one permission of a workspace, a name one role, both without regard to letter case; a look-up
matches exactly all the same, so that a caller never gets a permission it did not spell. When MySQL is away nothing
changes.
"""
