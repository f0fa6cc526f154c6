"""What can go wrong between us and ClickHouse."""

from __future__ import annotations

import re

from unkey_api.core.errors import ServiceUnavailable

_CODE = re.compile(r"Code: (\d+)\.")
_NAME = re.compile(r"\(([A-Z][A-Z0-9_]+)\)")
_AUTHENTICATION = frozenset({192, 193, 194, 492, 497, 516, 517})
_LOGIN = frozenset({192, 193, 194, 516, 517})
_AUTHENTICATION_WORDS = ("authentication", "password", "unauthorized", "access denied")


class ClickHouseUnavailable(ServiceUnavailable):
    """The server could not be reached or did not answer in time. Whether an insert took place is unknown."""


class ClickHouseRefused(Exception):
    """The server answered with an error.

    `number` is ClickHouse's own error number (60: unknown table, 159: timeout, ...), 0 when the answer carries none;
    `name` is its upper-case name, empty when the answer carries none.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text
        number = _CODE.search(text)
        self.number = int(number.group(1)) if number else 0
        names = _NAME.findall(text)
        self.name: str = names[-1] if names else ""

    @property
    def is_authentication(self) -> bool:
        """Whether the credentials are at fault, so that trying again is pointless."""
        return self.number in _AUTHENTICATION or any(word in self.text.lower() for word in _AUTHENTICATION_WORDS)

    @property
    def is_login_refused(self) -> bool:
        """Whether the user or the password is unknown. By number alone: the text may quote somebody's query."""
        return self.number in _LOGIN
