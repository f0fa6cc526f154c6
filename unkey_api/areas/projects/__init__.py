"""Projects and the default one of each workspace.

Invariant: whatever a workspace owns belongs to a project, so a workspace gets its default project the first time
something is created in it. Creating it is idempotent and safe under concurrency. When MySQL is away nothing is created.
"""
