"""Which table each reference of a query means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sqlglot import exp

from unkey_api.areas.analytics.errors import TableNotAllowed
from unkey_api.areas.analytics.guard.policy import Policy, Table
from unkey_api.areas.analytics.guard.structure import RESERVED, Nodes


@dataclass(frozen=True, slots=True)
class CommonTable:
    """A common table expression, by the name it is printed with."""

    printed: str


Sources: TypeAlias = Mapping[int, Table | CommonTable]
"""What each `exp.Table` means, by its `id`."""


def resolve_sources(root: exp.Query, nodes: Nodes, policy: Policy) -> Sources:
    """Return what every table reference means. Table functions are left out.

    A reference is the name of a public table, letter for letter, or that of a common table expression of the outermost
    WITH which is defined before it. Those are printed under names of ours, so that ClickHouse, too, can mean nothing
    else by them.

    Raises:
        TableNotAllowed: A reference is neither.
    """
    common = _common_tables(root)
    found: dict[int, Table | CommonTable] = {}
    for node in nodes:
        if not isinstance(node, exp.Table) or isinstance(node.this, exp.Func):
            continue
        name = _written(node)
        if name in policy.tables:
            found[id(node)] = policy.tables[name]
            continue
        position = common.get(name.lower()) if node.args.get("db") is None else None
        if position is None or position >= _defining(node, root):
            raise TableNotAllowed(f"Access to table '{name}' is not allowed")
        found[id(node)] = CommonTable(printed_name(position))
    return found


def printed_name(position: int) -> str:
    """Return the name that the common table expression at a position of the outermost WITH is printed with."""
    return f"{RESERVED}cte_{position}"


def _common_tables(root: exp.Query) -> dict[str, int]:
    """Return the positions of the common table expressions by their lower-case names."""
    names: dict[str, int] = {}
    outermost = root.args.get("with_")
    for position, each in enumerate(outermost.expressions if outermost else []):
        if not each.args.get("scalar"):
            names.setdefault(each.alias.lower(), position)
    return names


def _defining(node: exp.Expr, root: exp.Query) -> int:
    """Return the position of the common table expression that a node is in; past the last one where it is in none."""
    outermost = root.args.get("with_")
    child, parent = node, node.parent
    while parent is not None:
        if outermost is not None and parent is outermost:
            return next(position for position, each in enumerate(outermost.expressions) if each is child)
        child, parent = parent, parent.parent
    return len(outermost.expressions) if outermost else 0


def _written(table: exp.Table) -> str:
    """Return the name as it was written, quotes stripped. What is not a name is nobody's."""
    parts = [table.args.get("catalog"), table.args.get("db"), table.this]
    return ".".join(part.name if isinstance(part, exp.Identifier) else str(part) for part in parts if part is not None)
