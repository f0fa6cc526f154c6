"""Password hashes that other systems keep of their keys: bcrypt and Argon2.

Both cost milliseconds of a core by design, so nothing here may run on the event loop; `keys.schemes.bounded` sees to
that. The packages are the extra `migration`; without them `verify` says so.
"""

from unkey_api.infra.passwords.drivers import DriverMissing, installed, verify

__all__ = ["DriverMissing", "installed", "verify"]
