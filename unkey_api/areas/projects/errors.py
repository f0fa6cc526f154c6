"""What can go wrong with projects."""

from __future__ import annotations

from unkey_api.core.errors import Unexpected


class DefaultProjectUnresolved(Unexpected):
    """The default project was neither found nor created, though nothing failed: it vanished in between."""

    def __init__(self, workspace_id: str) -> None:
        super().__init__(
            "Failed to resolve the default project of the workspace.",
            internal=f"default project of {workspace_id} was taken and is gone",
        )
