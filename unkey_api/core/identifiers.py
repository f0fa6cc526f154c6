"""Types of the identifiers that travel between layers. Swapping two of them does not type-check."""

from __future__ import annotations

from typing import NewType

ApiId = NewType("ApiId", str)
AppId = NewType("AppId", str)
CorrelationId = NewType("CorrelationId", str)
DeploymentId = NewType("DeploymentId", str)
DomainId = NewType("DomainId", str)
EnvironmentId = NewType("EnvironmentId", str)
EventId = NewType("EventId", str)
ExternalId = NewType("ExternalId", str)
IdentityId = NewType("IdentityId", str)
KeyId = NewType("KeyId", str)
KeyspaceId = NewType("KeyspaceId", str)
MigrationId = NewType("MigrationId", str)
NamespaceId = NewType("NamespaceId", str)
OverrideId = NewType("OverrideId", str)
PermissionId = NewType("PermissionId", str)
PolicyId = NewType("PolicyId", str)
PortalId = NewType("PortalId", str)
PortalSessionId = NewType("PortalSessionId", str)
ProjectId = NewType("ProjectId", str)
RatelimitId = NewType("RatelimitId", str)
RequestId = NewType("RequestId", str)
RoleId = NewType("RoleId", str)
WorkspaceId = NewType("WorkspaceId", str)

KeyHash = NewType("KeyHash", str)
"""Digest of a key's text as stored in `keys.hash`; the key cannot be got back from it."""
