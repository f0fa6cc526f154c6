"""Keys: issuing, verifying, changing and retiring them.

Owns the tables `keys`, `encrypted_keys`, `key_migrations`, the links of keys to permissions and roles, and the rate
limits that belong to a key.

Invariants: the secret is never stored, only its hash; a change and its audit entries commit together; the cache of
verifications forgets a key only after its change has committed.

When MySQL is away, keys that were verified lately still verify; everything else answers that the service is
unavailable.
"""
