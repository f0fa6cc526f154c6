"""What can go wrong with the audit log."""

from __future__ import annotations

from unkey_api.core.errors import ServiceUnavailable


class AuditLogFailed(ServiceUnavailable):
    """The entries were not written, so the change must not be either."""

    def __init__(self, *, internal: str) -> None:
        super().__init__("Failed to insert audit logs", internal=internal)
