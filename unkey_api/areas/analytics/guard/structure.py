"""What a query may be made of, before anything is looked up: no settings, no bombs, no confusing names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlglot import exp

from unkey_api.areas.analytics.errors import InvalidQuery, TableNotAllowed
from unkey_api.areas.analytics.guard.lexing import TOO_COMPLEX
from unkey_api.areas.analytics.guard.policy import Policy

MAX_NODES = 2_000
MAX_COLUMNS = 64
"""Items of all select lists together."""
RESERVED = "unkey_"
"""What the names begin with that the printer makes up."""

Nodes = Sequence[exp.Expr]


def refuse_structure(root: exp.Query, nodes: Nodes, policy: Policy) -> None:
    """Check the tree, given its nodes in reading order.

    Raises:
        InvalidQuery: It has SETTINGS, is too complex, has a set operator over a table, or reads from nothing.
        TableNotAllowed: A common table expression has the name of a public table.
    """
    _refuse_settings(nodes)
    _refuse_bombs(nodes)
    _refuse_shadows(nodes, policy)
    for node in nodes:
        if isinstance(node, exp.In):
            _refuse_table_operand(node)
    if not first_select(root).args.get("from_"):
        raise InvalidQuery("Query must have a FROM clause")
    _refuse_captures(nodes, policy)


def first_select(query: exp.Expr) -> exp.Expr:
    """Return the leftmost SELECT of set operations."""
    while isinstance(query, exp.SetOperation | exp.Subquery):
        query = query.this
    return query


def _refuse_settings(nodes: Nodes) -> None:
    if any(isinstance(node, exp.Query) and node.args.get("settings") for node in nodes):
        raise InvalidQuery("SETTINGS clauses are not allowed")


def _refuse_bombs(nodes: Nodes) -> None:
    counted = columns = 0
    for node in nodes:
        if isinstance(node, exp.Identifier):
            continue  # the name inside of what is counted already
        counted += 1
        if counted > MAX_NODES:
            raise InvalidQuery(TOO_COMPLEX)
        if isinstance(node, exp.Select):
            columns += len(node.expressions)
            if columns > MAX_COLUMNS:
                raise InvalidQuery("Analytics query projects too many columns")


def _refuse_shadows(nodes: Nodes, policy: Policy) -> None:
    public = {name.lower(): name for name in policy.tables}
    for node in nodes:
        if isinstance(node, exp.CTE) and not node.args.get("scalar") and node.alias.lower() in public:
            raise TableNotAllowed(f"CTE name '{public[node.alias.lower()]}' conflicts with a public table name")


def _refuse_table_operand(operator: exp.In) -> None:
    """Refuse what ClickHouse may read as the name of a table to the right of IN."""
    listed: list[exp.Expr] = operator.expressions
    only = listed[0] if len(listed) == 1 else None
    while isinstance(only, exp.Paren):
        only = only.this
    is_name = isinstance(only, exp.Column | exp.Identifier | exp.Dot)
    fine = operator.args.get("query") or isinstance(operator.args.get("field"), exp.Array) or (listed and not is_name)
    if not fine:
        raise InvalidQuery("Table-backed IN expressions are not supported; use a literal list or a subquery")


def _refuse_captures(nodes: Nodes, policy: Policy) -> None:
    """Refuse names of the caller's that could come to stand for the names in the predicates we add.

    ClickHouse looks an identifier up among aliases before it looks at tables, and `WITH` names reach into subqueries.
    """
    physical = {table.physical.lower() for table in policy.tables.values()}
    for name, is_table in _names_given(nodes):
        if (name.lower() in physical and not is_table) or name.lower().startswith(RESERVED):
            raise InvalidQuery(f"The name '{name}' is reserved; choose another one")


def _names_given(nodes: Nodes) -> Iterable[tuple[str, bool]]:
    """Yield the names that a query gives to something, and whether that something is a table."""
    for node in nodes:
        if isinstance(node, exp.Alias):
            yield node.alias, False
        elif isinstance(node, exp.CTE):
            yield node.alias, not node.args.get("scalar")
        elif isinstance(node, exp.TableAlias):
            yield node.name, True
        elif isinstance(node, exp.Lambda):
            yield from ((argument.name, False) for argument in node.expressions)
