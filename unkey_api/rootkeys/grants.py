"""Permissions as root keys hold them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from unkey_api.core.clock import Clock
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import IdSource
from unkey_api.infra.mysql import WriteConn
from unkey_api.keys.queries import link_permissions
from unkey_api.permissions.ensure import ensure_permissions, new_permissions
from unkey_api.permissions.errors import PermissionDiffersInCase
from unkey_api.projects.service import DefaultProject
from unkey_api.rootkeys.errors import PermissionUnsupported

SLUG_LENGTH_MAX = 128  # what the column holds
DIGEST_MARK = "sha256:"  # no URN and no tuple begins like this; the statements that read grants know it


class Grant(NamedTuple):
    """A permission a root key holds."""

    permission_id: str
    permission: str
    """Its full text."""


class Grants:
    """Gives root keys permissions of the workspace they live in."""

    def __init__(self, projects: DefaultProject, *, clock: Clock, ids: IdSource) -> None:
        self._projects = projects
        self._clock = clock
        self._ids = ids

    async def give(self, tx: WriteConn, owner: str, key_id: str, permissions: Iterable[str]) -> list[Grant]:
        """Link the key to permissions, creating missing ones, and return them in their order. Needs a transaction.

        Args:
            tx: The transaction.
            owner: The workspace root keys live in.
            key_id: The root key.
            permissions: Their texts; repetitions count once. None, no statement.

        Raises:
            PermissionUnsupported: One differs from an existing one in letter case only. Roll back.
        """
        texts = {slug_of(permission): permission for permission in permissions}
        if not texts:
            return []
        now = UnixMs(self._clock.now_ms())
        project_id = await self._projects.ensure(tx, owner)
        drafts = new_permissions(self._ids, owner, project_id, texts, now=now)
        wanted = {slug: replace(draft, name=texts[slug]) for slug, draft in drafts.items()}
        try:
            found = (await ensure_permissions(tx, owner, wanted)).all
        except PermissionDiffersInCase as err:
            raise PermissionUnsupported(err.public, "it differs from another one only in letter case") from err
        await link_permissions(tx, owner, [(key_id, permission.id) for permission in found], now=now)
        return [Grant(permission.id, texts[permission.slug]) for permission in found]


def slug_of(permission: str) -> str:
    """Return the slug under which a permission is stored: itself, or a digest when the column cannot hold it.

    The full text is then the permission's name. Paths through project, app, environment and deployment are longer than
    the column.
    """
    if len(permission) <= SLUG_LENGTH_MAX:
        return permission
    return DIGEST_MARK + hashlib.sha256(permission.encode()).hexdigest()
