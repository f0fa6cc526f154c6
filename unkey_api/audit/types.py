"""The vocabulary of the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from unkey_api.core.errors import ServiceUnavailable


class AuditAction(StrEnum):
    """What happened. The values are stored and shown; they are never renamed."""

    WORKSPACE_CREATE = "workspace.create"
    WORKSPACE_UPDATE = "workspace.update"
    WORKSPACE_DELETE = "workspace.delete"
    WORKSPACE_OPT_IN = "workspace.opt_in"
    API_CREATE = "api.create"
    API_UPDATE = "api.update"
    API_DELETE = "api.delete"
    KEY_CREATE = "key.create"
    KEY_REROLL = "key.reroll"
    KEY_UPDATE = "key.update"
    KEY_DELETE = "key.delete"
    RATELIMIT_NAMESPACE_CREATE = "ratelimitNamespace.create"
    RATELIMIT_NAMESPACE_UPDATE = "ratelimitNamespace.update"
    RATELIMIT_NAMESPACE_DELETE = "ratelimitNamespace.delete"
    ROLE_CREATE = "role.create"
    ROLE_UPDATE = "role.update"
    ROLE_DELETE = "role.delete"
    PERMISSION_CREATE = "permission.create"
    PERMISSION_UPDATE = "permission.update"
    PERMISSION_DELETE = "permission.delete"
    AUTHORIZATION_CONNECT_ROLE_AND_PERMISSION = "authorization.connect_role_and_permission"
    AUTHORIZATION_DISCONNECT_ROLE_AND_PERMISSIONS = "authorization.disconnect_role_and_permissions"
    AUTHORIZATION_CONNECT_ROLE_AND_KEY = "authorization.connect_role_and_key"
    AUTHORIZATION_DISCONNECT_ROLE_AND_KEY = "authorization.disconnect_role_and_key"
    AUTHORIZATION_CONNECT_PERMISSION_AND_KEY = "authorization.connect_permission_and_key"
    AUTHORIZATION_DISCONNECT_PERMISSION_AND_KEY = "authorization.disconnect_permission_and_key"
    IDENTITY_CREATE = "identity.create"
    IDENTITY_UPDATE = "identity.update"
    IDENTITY_DELETE = "identity.delete"
    RATELIMIT_CREATE = "ratelimit.create"
    RATELIMIT_UPDATE = "ratelimit.update"
    RATELIMIT_DELETE = "ratelimit.delete"
    RATELIMIT_SET_OVERRIDE = "ratelimit.set_override"
    RATELIMIT_READ_OVERRIDE = "ratelimit.read_override"
    RATELIMIT_DELETE_OVERRIDE = "ratelimit.delete_override"
    AUDIT_LOG_BUCKET_CREATE = "auditLogBucket.create"
    PORTAL_SESSION_CREATE = "portal.session.create"
    PORTAL_SESSION_EXCHANGE = "portal.session.exchange"
    DEPLOYMENT_CREATE = "deployment.create"
    DEPLOYMENT_REBUILD = "deployment.rebuild"
    DEPLOYMENT_STOP = "deployment.stop"
    DEPLOYMENT_WAKE = "deployment.wake"
    DEPLOYMENT_PROMOTE = "deployment.promote"
    DEPLOYMENT_ROLLBACK = "deployment.rollback"
    PROJECT_CREATE = "project.create"
    PROJECT_UPDATE = "project.update"
    PROJECT_DELETE = "project.delete"
    APP_CREATE = "app.create"
    APP_UPDATE = "app.update"
    APP_DELETE = "app.delete"
    APP_CONNECT_REPOSITORY = "app.connect_repository"
    APP_DISCONNECT_REPOSITORY = "app.disconnect_repository"
    ENVIRONMENT_UPDATE = "environment.update"
    ENVIRONMENT_DELETE = "environment.delete"
    DOMAIN_CREATE = "domain.create"
    DOMAIN_DELETE = "domain.delete"
    DOMAIN_VERIFY = "domain.verify"


class TargetType(StrEnum):
    """What it happened to. Stored; never renamed."""

    API = "api"
    AUDIT_LOG_BUCKET = "auditLogBucket"
    IDENTITY = "identity"
    KEYSPACE = "keySpace"
    KEY = "key"
    PERMISSION = "permission"
    RATELIMIT = "ratelimit"
    RATELIMIT_NAMESPACE = "ratelimitNamespace"
    RATELIMIT_OVERRIDE = "ratelimitOverride"
    ROLE = "role"
    WORKSPACE = "workspace"
    PORTAL_SESSION = "portalSession"
    DEPLOYMENT = "deployment"
    PROJECT = "project"
    APP = "app"
    ENVIRONMENT = "environment"
    DOMAIN = "domain"


@dataclass(frozen=True, slots=True)
class AuditTarget:
    """One thing an event touched."""

    type: TargetType
    id: str
    name: str = ""
    """Display name; left out of the entry when empty."""
    meta: Mapping[str, object] = field(default_factory=dict)
    """Anything JSON; left out of the entry when empty."""


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One change, as a use case reports it. The log adds id, time, workspace, actor and origin."""

    action: AuditAction
    description: str
    """A sentence for the people of the workspace."""
    targets: tuple[AuditTarget, ...] = ()
    correlation_id: str = ""
    """Groups events that belong together; empty leaves it to the log."""
    meta: Mapping[str, object] = field(default_factory=dict)
    """What changed, where the targets tell how things are now; left out of the entry when empty."""


class AuditLogFailed(ServiceUnavailable):
    """The entries were not written, so the change must not be either."""

    def __init__(self, *, internal: str) -> None:
        super().__init__("Failed to insert audit logs", internal=internal)
