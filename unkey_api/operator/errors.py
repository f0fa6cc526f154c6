"""What can go wrong for an operator."""

from __future__ import annotations

from unkey_api.core.errors import AppError, ErrorCode


class WorkspaceUnknown(AppError):
    """No live workspace has this id."""

    code = ErrorCode.DATA_WORKSPACE_NOT_FOUND


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
    """No live root key has this id."""

    code = ErrorCode.DATA_KEY_NOT_FOUND
