"""The comment behind each statement, by which a database administrator finds its origin.

… /*application='unkey',service='api',region='eu',operation='key_find_live_by_hash',route='…',source='http',mode='ro'*/
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

Route = Callable[[], str]
"""Returns the verb and path that the running work belongs to, `POST /v2/keys.createKey`; empty for background work.

The encoded form of each is kept, as many as there could be operations.
"""
ROUTES_MAX = 1_000


def no_route() -> str:
    """Say that nothing of this program is done for a request."""
    return ""


def tag(key: str, value: str) -> str:
    """Return `key='value',` with the value URL-encoded, or nothing for an empty value."""
    return f"{key}='{quote(value, safe='')}'," if value else ""


class Tagger:
    """Appends the comment for one process."""

    __slots__ = ("_head", "_route", "_routes")

    def __init__(self, *, region: str = "", release_sha: str = "", route: Route = no_route) -> None:
        self._route = route
        self._routes = {"": ""}
        self._head = (
            "/*" + tag("application", "unkey") + tag("service", "api") + tag("region", region)
            + tag("release_sha", release_sha[:7])
        )  # fmt: skip

    def __call__(self, sql: str, name: str, mode: str) -> str:
        """Return the statement with its comment; `name` and `mode` are our own words and need no encoding."""
        route = self._route()
        tags = self._routes.get(route)
        if tags is None:
            if len(self._routes) >= ROUTES_MAX:
                self._routes = {"": ""}
            tags = self._routes[route] = tag("route", route) + tag("source", "http")
        return f"{sql} {self._head}operation='{name}',{tags}mode='{mode}'*/"
