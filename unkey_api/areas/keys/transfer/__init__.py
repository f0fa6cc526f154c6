"""Moving many keys at once: import from a file and export to one, for whoever runs the service.

Files are JSON Lines, one object per key, or CSV with a header; what is exported can be imported elsewhere. Secrets are
never written; a file that holds them is read, hashed line by line and the hashes kept.

Invariants: a batch is one transaction with its audit entries; an import that was killed goes on where it stopped
without losing or repeating a key, because its journal names the batch that was under way; a line that cannot be
imported costs only itself and is reported with a reason. When MySQL is away the command ends and can be run again.
"""
