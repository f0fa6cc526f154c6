"""Why an import or export cannot run."""

from __future__ import annotations

from unkey_api.core.errors import InvalidInput


class TransferRefused(InvalidInput):
    """The command does not fit the data; the sentence says how to go on."""
