"""Permissions as root keys hold them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from unkey_api.areas.keys.queries import link_permissions
from unkey_api.areas.permissions.ensure import ensure_permissions, new_permissions
from unkey_api.areas.permissions.types import Permission, PermissionDiffersInCase
from unkey_api.areas.projects.service import DefaultProject
from unkey_api.core.clock import Clock
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import IdSource
from unkey_api.infra.mysql import WriteConn

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

        A text whose slug is taken by another one that the column holds for equal, as when ids differ in letter case or
        somebody stored a mistyped one, is stored under its digest.

        Args:
            tx: The transaction.
            owner: The workspace root keys live in.
            key_id: The root key.
            permissions: Their texts; repetitions count once. None, no statement.
        """
        texts = {slug_of(permission): permission for permission in permissions}
        if not texts:
            return []
        now = UnixMs(self._clock.now_ms())
        project_id = await self._projects.ensure(tx, owner)
        found = await self._ensured(tx, owner, project_id, texts, now)
        await link_permissions(tx, owner, [(key_id, permission.id) for permission in found], now=now)
        return [Grant(permission.id, texts[permission.slug]) for permission in found]

    async def _ensured(
        self, tx: WriteConn, owner: str, project_id: str, texts: dict[str, str], now: UnixMs
    ) -> tuple[Permission, ...]:
        """Return the permissions, in the order of `texts`; moves those whose slug is taken to their digests."""
        while True:
            drafts = new_permissions(self._ids, owner, project_id, texts, now=now)
            wanted = {slug: replace(draft, name=texts[slug]) for slug, draft in drafts.items()}
            try:
                return (await ensure_permissions(tx, owner, wanted)).all
            except PermissionDiffersInCase as err:
                if err.slug.startswith(DIGEST_MARK):
                    raise
                moved = {digest_of(text) if slug == err.slug else slug: text for slug, text in texts.items()}
                texts.clear()
                texts.update(moved)


def slug_of(permission: str) -> str:
    """Return the slug under which a permission is stored: itself, or a digest when the column cannot hold it.

    The full text is then the permission's name. Paths through project, app, environment and deployment are longer than
    the column.
    """
    if len(permission) <= SLUG_LENGTH_MAX:
        return permission
    return digest_of(permission)


def digest_of(permission: str) -> str:
    """Return the slug that stands for a permission whose text cannot be one."""
    return DIGEST_MARK + hashlib.sha256(permission.encode()).hexdigest()
