"""Password hashes that other systems keep of their keys: bcrypt and Argon2.

Both cost milliseconds of a core by design, so nothing here may run on the event loop; `keys.schemes.bounded` sees to
that. The packages are the extra `migration`; without them `verify` says so.
"""

from __future__ import annotations

from importlib.util import find_spec

BCRYPT_BYTES = 72  # what the algorithm looks at; every implementation in use ignores the rest


class DriverMissing(RuntimeError):
    """The package for this kind of hash is not installed."""

    def __init__(self, package: str) -> None:
        super().__init__(f"the package {package} is missing; install unkey-api[migration]")


def installed() -> bool:
    """Say whether both packages are there."""
    return find_spec("bcrypt") is not None and find_spec("argon2") is not None


def verify(phc: str, secret: str) -> bool:
    """Say whether a bcrypt or Argon2 hash is of this secret. Blocks for milliseconds to seconds, without the GIL.

    Raises:
        DriverMissing: The package is not installed.
    """
    return _verify_argon2(phc, secret) if phc.startswith("$argon2") else _verify_bcrypt(phc, secret)


def _verify_bcrypt(phc: str, secret: str) -> bool:
    try:
        import bcrypt  # noqa: PLC0415 - an extra, needed by those who migrate such keys only
    except ImportError as err:
        raise DriverMissing("bcrypt") from err
    try:
        return bcrypt.checkpw(secret.encode()[:BCRYPT_BYTES], phc.encode())
    except ValueError:  # not a hash after all, or one of a kind the package refuses
        return False


def _verify_argon2(phc: str, secret: str) -> bool:
    try:
        from argon2 import PasswordHasher, exceptions  # noqa: PLC0415 - the same
    except ImportError as err:
        raise DriverMissing("argon2-cffi") from err
    try:
        return PasswordHasher().verify(phc, secret)
    except (exceptions.VerificationError, exceptions.InvalidHashError):
        return False
