"""How much memory a cached key takes, the answers the edge prepares from it included.

Worked out from what is in the key, because walking over its objects would cost more than loading it. The figures were
measured as growth of the process; a test measures them again.
"""

from __future__ import annotations

from collections.abc import Iterable

from unkey_api.areas.keys.verification.types import VerifiableKey

KEY_BYTES = 2_600  # ids, requirement, prepared answer of a key that has nothing else
IDENTITY_BYTES = 2_200
TEXT_BYTES = 90  # a permission or role apart from its letters: in a tuple, a set and an answer
LIMIT_BYTES = 900  # with the check that is planned for it
ADDRESS_BYTES = 500
JSON_VALUE_BYTES = 240  # a member or item once JSON has become a message
_BEFORE_A_VALUE = ",:[{"


def weight_of(key: VerifiableKey) -> int:
    """Return about how many bytes a key takes; never much less than it does, whatever its metadata is."""
    weight = KEY_BYTES + 3 * len(key.name) + _of_json(key.meta)
    weight += _of_texts(key.permissions) + _of_texts(key.roles) + LIMIT_BYTES * len(key.limits)
    if key.ip_whitelist is not None:
        weight += ADDRESS_BYTES * key.ip_whitelist.size
    if key.identity is not None:
        weight += IDENTITY_BYTES + 3 * len(key.identity.external_id) + _of_json(key.identity.meta)
    return weight


def _of_texts(texts: Iterable[str]) -> int:
    return sum(TEXT_BYTES + len(text) for text in texts)


def _of_json(text: str | None) -> int:
    """A list of small numbers takes a hundred times the memory of its text; letters of text are kept three times."""
    if text is None:
        return 0
    values = sum(map(text.count, _BEFORE_A_VALUE))
    return (3 if text.isascii() else 6) * len(text) + JSON_VALUE_BYTES * values
