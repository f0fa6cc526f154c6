"""The tree back to text, with the row filters and limits in it.

A public table is printed as a subquery that holds the rows the caller may read:

    (SELECT * FROM `default`.`ratelimits_raw_v2` WHERE `ratelimits_raw_v2`.`workspace_id` = 'ws_1') AS `ratelimits_v1`

Nothing of the caller's is in there that could give its names another meaning, no join or PREWHERE sees other rows, and
columns that are not public do not exist outside of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlglot import exp

from unkey_api.areas.analytics.errors import InvalidQuery
from unkey_api.areas.analytics.guard.expressions import ExpressionPrinter, only, quoted, quoted_string, unknown
from unkey_api.areas.analytics.guard.policy import Policy, Table
from unkey_api.areas.analytics.guard.sources import CommonTable, Sources, printed_name

NAME_COLUMNS = "The query reads a column that is not available. Select only the documented columns instead of *"
_INTEGER = re.compile(r"[0-9]+\Z")
_JOIN_SIDES = frozenset({"LEFT", "RIGHT", "FULL"})
_JOIN_KINDS = frozenset({"INNER", "OUTER", "CROSS", "SEMI", "ANTI", "ANY", "ALL", "ASOF"})
_SET_OPERATORS: dict[type[exp.Expr], str] = {exp.Union: "UNION", exp.Except: "EXCEPT", exp.Intersect: "INTERSECT"}
_SELECT_CLAUSES = """
    with_ distinct expressions from_ joins prewhere where group having windows order limit_by limit offset format
"""
_SELECT_ARGUMENTS = frozenset(_SELECT_CLAUSES.split())


class Printer(ExpressionPrinter):
    """Prints one query."""

    def __init__(self, policy: Policy, sources: Sources) -> None:
        self._policy = policy
        self._sources = sources

    def query(self, node: exp.Expr) -> str:
        """Return a SELECT or set operation without parentheses around it.

        Raises:
            InvalidQuery: There is something in it that is not known to be harmless.
        """
        if isinstance(node, exp.SetOperation):
            return self._set_operation(node)
        if isinstance(node, exp.Select):
            return self._select(node)
        if isinstance(node, exp.Subquery):
            return self.text(node)
        raise unknown(node)

    def _select(self, node: exp.Select) -> str:
        only(node, _SELECT_ARGUMENTS)
        self._refuse_star(node)
        clause = node.args.get
        parts = [
            self._with(clause("with_")),
            "SELECT",
            self._distinct(clause("distinct")),
            self.list_(node.expressions),
            self._from(clause("from_")),
            *map(self._join, clause("joins") or []),
            self._conditions(clause("prewhere"), clause("where")),
            self._group(clause("group")),
            self._having(clause("having")),
            self._windows(clause("windows") or []),
            self._order_by(clause("order")),
            self._limit_by(clause("limit_by")),
            self._limit(clause("limit")),
            self._offset(clause("offset")),
        ]
        return " ".join(part for part in parts if part)

    def _from(self, node: exp.Expr | None) -> str:
        if node is None:
            return ""
        only(node, {"this"})
        return f"FROM {self._source(node.this)}"

    def _having(self, node: exp.Expr | None) -> str:
        if node is None:
            return ""
        only(node, {"this"})
        return f"HAVING {self.text(node.this)}"

    def _windows(self, nodes: Sequence[exp.Expr]) -> str:
        return f"WINDOW {', '.join(map(self._named_window, nodes))}" if nodes else ""

    def _order_by(self, node: exp.Expr | None) -> str:
        return "" if node is None else self.text(node)

    def _set_operation(self, root: exp.SetOperation) -> str:
        backwards: list[str] = []
        node: exp.Expr = root
        while isinstance(node, exp.SetOperation):
            only(node, {"this", "expression", "distinct", "format", "with_" if node is root else ""})
            word = _SET_OPERATORS.get(type(node))
            if word is None:
                raise unknown(node)
            if node.args.get("distinct"):
                word += " DISTINCT"
            elif isinstance(node, exp.Union):
                word += " ALL"
            backwards += [self.query(node.expression), word]
            node = node.this
        text = " ".join([self.query(node), *reversed(backwards)])
        return f"{self._with(root.args.get('with_'))} {text}".lstrip()

    def _with(self, node: exp.Expr | None) -> str:
        if node is None:
            return ""
        only(node, {"expressions"})
        outermost = node.parent is not None and node.parent.parent is None
        return "WITH " + ", ".join(
            self._common_table(each, printed_name(position) if outermost else "")
            for position, each in enumerate(node.expressions)
        )

    def _common_table(self, node: exp.Expr, printed: str) -> str:
        only(node, {"this", "alias", "scalar"})
        if node.args.get("scalar"):
            return f"{self.text(node.this)} AS {self.alias(node.args['alias'])}"
        name = quoted(printed) if printed else self.alias(node.args["alias"])
        return f"{name} AS ({self.query(node.this)})"

    def _conditions(self, prewhere: exp.Expr | None, where: exp.Expr | None) -> str:
        """Return the WHERE. PREWHERE is a hint for reading a table, and there is none where it stood."""
        found = [each for each in (prewhere, where) if each is not None]
        for each in found:
            only(each, {"this"})
        texts = [self.text(each.this) for each in found]
        if len(texts) > 1:
            texts = [f"({text})" for text in texts]
        return "WHERE " + " AND ".join(texts) if texts else ""

    def _group(self, node: exp.Expr | None) -> str:
        if node is None:
            return ""
        only(node, {"expressions", "all", "totals", "rollup", "cube"})
        text = "GROUP BY ALL" if node.args.get("all") else f"GROUP BY {self.list_(node.expressions)}"
        for word in ("rollup", "cube"):
            if node.args.get(word):
                text += f" WITH {word.upper()}"
        return text + (" WITH TOTALS" if node.args.get("totals") else "")

    def _limit_by(self, node: exp.Expr | None) -> str:
        if node is None:
            return ""
        only(node, {"expression", "expressions", "offset"})
        offset = node.args.get("offset")
        skipped = f"{self.text(offset)}, " if offset else ""
        return f"LIMIT {skipped}{self.text(node.args['expression'])} BY {self.list_(node.expressions)}"

    def _limit(self, node: exp.Expr | None) -> str:
        most = self._policy.max_rows
        if node is None:
            return f"LIMIT {most}" if most else ""
        only(node, {"expression"})
        wanted = node.args["expression"]
        is_integer = isinstance(wanted, exp.Literal) and not wanted.is_string and _INTEGER.match(wanted.name)
        if most and not (is_integer and int(wanted.name) <= most):
            return f"LIMIT {most}"
        return f"LIMIT {self.text(wanted)}"

    def _offset(self, node: exp.Expr | None) -> str:
        if node is None:
            return ""
        only(node, {"expression"})
        return f"OFFSET {self.text(node.args['expression'])}"

    def _source(self, node: exp.Expr) -> str:
        """Return what may stand in a FROM or after a JOIN: a table that was resolved, or a subquery."""
        if isinstance(node, exp.Subquery):
            return self.text(node)
        if isinstance(node, exp.Final):
            only(node, {"this"})
            return self._table(node.this, final=True)
        return self._table(node, final=False)

    def _table(self, node: exp.Expr, *, final: bool) -> str:
        if not isinstance(node, exp.Table):
            raise unknown(node)
        only(node, {"this", "db", "alias"})
        meant = self._sources.get(id(node))
        if meant is None:
            raise unknown(node)
        alias = node.args.get("alias")
        name = self.alias(alias) if alias else quoted(node.name)
        if isinstance(meant, CommonTable):
            return f"{quoted(meant.printed)} AS {name}" + (" FINAL" if final else "")
        return f"({self._readable_rows(meant, final=final)}) AS {name}"

    def _readable_rows(self, table: Table, *, final: bool) -> str:
        columns = ", ".join(map(quoted, table.columns)) or "*"
        text = f"SELECT {columns} FROM `default`.{quoted(table.physical)}" + (" FINAL" if final else "")
        conditions = [f"{quoted(table.physical)}.`workspace_id` = {quoted_string(self._policy.workspace_id)}"]
        for each in reversed(self._policy.filters):
            allowed = ", ".join(map(quoted_string, each.values))
            conditions.append(f"{quoted(table.physical)}.{quoted(each.column)} IN ({allowed})" if each.values else "0")
        return f"{text} WHERE {' AND '.join(conditions)}"

    def _refuse_star(self, node: exp.Select) -> None:
        """Say so when everything is asked of a table of which not everything may be read."""
        sources = [node.args["from_"].this] if node.args.get("from_") else []
        sources += [join.this for join in node.args.get("joins") or []]
        meant = [self._sources.get(id(each.this if isinstance(each, exp.Final) else each)) for each in sources]
        if not any(isinstance(each, Table) and each.columns for each in meant):
            return
        for each in node.expressions:
            if isinstance(each, exp.Star) or (isinstance(each, exp.Column) and isinstance(each.this, exp.Star)):
                raise InvalidQuery(NAME_COLUMNS)

    def _join(self, node: exp.Expr) -> str:
        only(node, {"this", "side", "kind", "on", "using", "global_", "expressions"})
        side, kind = node.args.get("side") or "", node.args.get("kind") or ""
        if kind == "ARRAY":
            if side not in ("", "LEFT"):
                raise unknown(node)
            return f"{side} ARRAY JOIN ".lstrip() + ", ".join(map(self._array, [node.this, *node.expressions]))
        if (side and side not in _JOIN_SIDES) or (kind and kind not in _JOIN_KINDS) or node.expressions:
            raise unknown(node)
        strict_first = kind in ("ANY", "ALL", "ASOF")
        words = [
            "GLOBAL" if node.args.get("global_") else "",
            *((kind, side) if strict_first else (side, kind)),
            "JOIN",
            self._source(node.this),
        ]
        if node.args.get("on"):
            words += ["ON", self.text(node.args["on"])]
        elif node.args.get("using"):
            words += [f"USING ({self.list_(node.args['using'])})"]
        return " ".join(word for word in words if word)

    def _array(self, node: exp.Expr) -> str:
        """Return a column to unfold. The parser takes apart what else stands there, subqueries included."""
        column = node.this if isinstance(node, exp.Alias) else node
        if not isinstance(column, exp.Column | exp.Dot):
            raise unknown(node)
        return self.text(node)
