"""What can go wrong for an operator."""

from __future__ import annotations

from collections.abc import Sequence

from unkey_api.admin.types import RootKeyLine
from unkey_api.core.errors import AppError, ErrorCode, InvalidInput

_SHOWN = 200  # characters of what was typed
_CANDIDATES = 10


class WorkspaceUnknown(AppError):
    """No live workspace has this id."""

    code = ErrorCode.DATA_WORKSPACE_NOT_FOUND

    def __init__(self, workspace_id: str) -> None:
        super().__init__(f"there is no workspace '{workspace_id}'; `workspace list` shows them")


class WorkspaceTaken(AppError):
    """Another workspace has this slug or organisation."""

    code = ErrorCode.APPLICATION_INVALID_INPUT


class WorkspaceHoldsRootKeys(AppError):
    """A key for this workspace would act where the root keys of all workspaces are."""

    code = ErrorCode.APPLICATION_PROTECTED_RESOURCE

    def __init__(self, workspace_id: str) -> None:
        super().__init__(f"root keys live in workspace '{workspace_id}'; say --over-root-keys if one is to act for it")


class WorkspaceProtected(AppError):
    """The workspace may not be deleted or switched off."""

    code = ErrorCode.APPLICATION_PROTECTED_RESOURCE


class RootKeyUnknown(AppError):
    """No live root key has this id or this start; ordinary keys do not count."""

    code = ErrorCode.DATA_KEY_NOT_FOUND

    def __init__(self, word: str) -> None:
        super().__init__(f"there is no root key '{word[:_SHOWN]}'; `root-key list` shows their ids and starts")


class RootKeyAmbiguous(AppError):
    """Several live root keys begin like this."""

    code = ErrorCode.APPLICATION_INVALID_INPUT

    def __init__(self, start: str, candidates: Sequence[RootKeyLine]) -> None:
        shown = [f"{key.id} ('{key.name or ''}', for {key.for_workspace_id})" for key in candidates[:_CANDIDATES]]
        more = f", and {len(candidates) - _CANDIDATES} more" if len(candidates) > _CANDIDATES else ""
        super().__init__(f"several root keys begin with '{start}'; give the id of one: {', '.join(shown)}{more}")


class PermissionNotHeld(InvalidInput):
    """A permission is to be taken away that the root key does not have."""

    def __init__(self, permission: str, key_id: str) -> None:
        super().__init__(f"The root key {key_id} does not have the permission '{permission[:_SHOWN]}'.")
