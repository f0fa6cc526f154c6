"""A client with its workspace, and short ways to make what an operation needs."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from unkey.py import Unkey, errors, models
from unkey.py.utils import BackoffStrategy, RetryConfig

NO_RETRIES = RetryConfig("none", BackoffStrategy(1, 1, 1, 1), retry_connection_errors=False)
TIMEOUT_MS = 20_000


def client_of(root_key: str | None, url: str) -> Unkey:
    """Return a client that asks once and waits long."""
    return Unkey(root_key=root_key, server_url=url, retry_config=NO_RETRIES, timeout_ms=TIMEOUT_MS)


def fresh(kind: str = "name") -> str:
    """Return a name nothing else has."""
    return f"{kind}_{secrets.token_hex(6)}"


@contextmanager
def built() -> Iterator[None]:
    """Skip a test of an operation, or one that needs it, that is published but not implemented yet (HTTP 501)."""
    try:
        yield
    except errors.UnkeyError as err:
        if err.status_code == 501:
            pytest.skip(f"not built yet: {err.raw_response.request.url.path}")
        raise


class World:
    """A workspace of one test, made through the client itself."""

    def __init__(self, client: Unkey, workspace_id: str, migration_id: str) -> None:
        self.client = client
        self.workspace_id = workspace_id
        self.migration_id = migration_id

    def api(self) -> str:
        """Create an API and return its id."""
        return self.client.apis.create_api(name=fresh("api")).data.api_id

    def key(self, *, remaining: int | None = None) -> tuple[str, str]:
        """Create a key and return its id and secret."""
        balance = models.KeyCreditsData(remaining=remaining) if remaining is not None else None
        made = self.client.keys.create_key(api_id=self.api(), name="n", credits=balance)
        return made.data.key_id, made.data.key

    def permission(self) -> str:
        """Create a permission and return its slug."""
        slug = fresh("perm")
        self.client.permissions.create_permission(name=slug, slug=slug)
        return slug

    def role(self) -> str:
        """Create a role and return its name."""
        name = fresh("role")
        self.client.permissions.create_role(name=name)
        return name

    def identity(self) -> str:
        """Create an identity and return its external id."""
        external_id = fresh("user")
        self.client.identities.create_identity(external_id=external_id)
        return external_id

    def override(self) -> tuple[str, str]:
        """Create an override and return its namespace and identifier."""
        namespace = fresh("ns")
        self.client.ratelimit.limit(namespace=namespace, identifier="u", limit=5, duration=60_000)
        self.client.ratelimit.set_override(namespace=namespace, identifier="u", limit=9, duration=60_000)
        return namespace, "u"

    def root_key(self) -> str:
        """Create a root key and return its id."""
        permission = f"unkey:v1:{self.workspace_id}:keyspaces/*#verify_key"
        return self.client.root_keys.create_key(name="r", permissions=[permission]).data.key_id
