"""The comment behind each statement, by which a database administrator finds its origin.

… /*application='unkey',service='api',region='eu',operation='key_find_live_by_hash',route='…',source='http',mode='ro'*/
"""

from __future__ import annotations

from contextvars import ContextVar
from urllib.parse import quote

statement_tags: ContextVar[str] = ContextVar("statement_tags", default="")
"""The part that depends on the request, as `route_tags` makes it. Empty for background work."""


def tag(key: str, value: str) -> str:
    """Return `key='value',` with the value URL-encoded, or nothing for an empty value."""
    return f"{key}='{quote(value, safe='')}'," if value else ""


def route_tags(method: str, path: str) -> str:
    """Return what the edge puts into `statement_tags`; compute it once per route, not per request."""
    return tag("route", f"{method} {path}") + tag("source", "http")


class Tagger:
    """Appends the comment for one process."""

    __slots__ = ("_head",)

    def __init__(self, *, region: str = "", release_sha: str = "") -> None:
        self._head = (
            "/*" + tag("application", "unkey") + tag("service", "api") + tag("region", region)
            + tag("release_sha", release_sha[:7])
        )  # fmt: skip

    def __call__(self, sql: str, name: str, mode: str) -> str:
        """Return the statement with its comment; `name` and `mode` are our own words and need no encoding."""
        return f"{sql} {self._head}operation='{name}',{statement_tags.get()}mode='{mode}'*/"
