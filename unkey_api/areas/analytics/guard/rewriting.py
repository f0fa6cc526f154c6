"""The whole of it, in order."""

from __future__ import annotations

from datetime import datetime

from unkey_api.areas.analytics.errors import InvalidQuery
from unkey_api.areas.analytics.guard.functions import refuse_other_functions
from unkey_api.areas.analytics.guard.grammar import parse_select
from unkey_api.areas.analytics.guard.lexing import TOO_COMPLEX, tokens_of
from unkey_api.areas.analytics.guard.policy import Policy
from unkey_api.areas.analytics.guard.printing import Printer
from unkey_api.areas.analytics.guard.sources import resolve_sources
from unkey_api.areas.analytics.guard.structure import refuse_structure
from unkey_api.areas.analytics.guard.time_range import refuse_old_bounds


def rewrite(query: str, policy: Policy, *, now: datetime) -> str:
    """Return the text to run for a caller's query.

    Args:
        query: One SELECT in ClickHouse's SQL, in terms of the policy's public tables.
        policy: What this caller may read.
        now: The time, with a zone; what `now()` in the query is taken for when time ranges are checked.

    Raises:
        InvalidQuery: It is not one SELECT, is too long or too complex, or has something in it that is not supported.
        NotASelect: It is a statement of another kind.
        TableNotAllowed: It reads something else than public tables and its own common table expressions.
        FunctionNotAllowed: It calls a function that is not on the list, or a table function.
        BeyondRetention: It asks for rows from before `now - policy.retention`.
    """
    try:
        return _rewritten(query, policy, now)
    except RecursionError as error:
        raise InvalidQuery(TOO_COMPLEX) from error


def _rewritten(query: str, policy: Policy, now: datetime) -> str:
    root = parse_select(query, tokens_of(query))
    nodes = list(root.walk(bfs=False))
    refuse_structure(root, nodes, policy)
    sources = resolve_sources(root, nodes, policy)
    refuse_other_functions(nodes)
    if policy.retention:
        refuse_old_bounds(nodes, retention=policy.retention, now=now)
    return Printer(policy, sources).query(root)
