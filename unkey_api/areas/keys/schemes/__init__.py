"""How keys of other systems are hashed, as data: a scheme is a row of `registry.DIGESTS` plus one function.

The name of the scheme is part of the stored hash, so that the tables stay as they are and one migration may hold keys
of several kinds:

    64 hexadecimal digits, 128, or Base64 of either length    SHA-256 and SHA-512 of the whole key
    hmac-sha256:<hex>, hmac-sha512:<hex>                       the same keyed with a pepper of the configuration
    phc:<lookup>:<hash>                                        bcrypt or Argon2; `lookup` is how the key begins

A salted hash cannot be looked up by the key, hence `lookup`: the characters every holder of the key sees first. The
first use of a key replaces its hash by the native one, so each key costs an expensive verification once.
"""
