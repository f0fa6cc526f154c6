"""Expressions to text. What is not in the table of the class is not printed, and so never runs.

Everything printed is a keyword of ours, a function of the list, a name in backticks, or a literal whose form is
checked. Names in backticks cannot be taken for keywords, so ClickHouse reads the structure that is here. Parentheses
are those of the caller: operators and operands come out in the order they went in, whatever binds tighter.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import ClassVar, TypeAlias

from sqlglot import exp

from unkey_api.areas.analytics.errors import InvalidQuery
from unkey_api.areas.analytics.guard.functions import FUNCTIONS, function_name
from unkey_api.areas.analytics.guard.grammar import TypeName

_NUMBER = re.compile(r"\d+(\.\d+)?([eE][+-]?\d+)?\Z")
_INTEGER = re.compile(r"[0-9]+\Z")
_STRING = re.compile(r"(?:[^'\\]|\\.|'')*+\Z", re.DOTALL)
_UNIT_NAMES = "NANOSECOND MICROSECOND MILLISECOND SECOND MINUTE HOUR DAY WEEK MONTH QUARTER YEAR"
_UNITS = frozenset(_UNIT_NAMES.split())
_TYPE_NAMES = """
    Int8 Int16 Int32 Int64 Int128 Int256 UInt8 UInt16 UInt32 UInt64 UInt128 UInt256 Float32 Float64 Bool String
    FixedString UUID IPv4 IPv6 Date Date32 DateTime DateTime64 Decimal Decimal32 Decimal64 Decimal128 Decimal256
    Nullable LowCardinality Array Tuple Map
"""
_TYPES = {name.lower(): name for name in _TYPE_NAMES.split()}
_FRAME_SIDES = frozenset({"PRECEDING", "FOLLOWING"})
_OPERATORS: dict[type[exp.Expr], str] = {
    exp.And: "AND", exp.Or: "OR", exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%",
    exp.IntDiv: "DIV", exp.EQ: "=", exp.NEQ: "!=", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=",
    exp.NullSafeEQ: "<=>", exp.DPipe: "||",
}  # fmt: skip

Print: TypeAlias = Callable[["ExpressionPrinter", exp.Expr], str]


class ExpressionPrinter(ABC):
    """Prints expressions, given somebody who prints the queries in them."""

    @abstractmethod
    def query(self, node: exp.Expr) -> str:
        """Return a SELECT or set operation without parentheses around it."""

    def text(self, node: object) -> str:
        """Return an expression.

        Raises:
            InvalidQuery: There is something in it that is not known to be harmless.
        """
        if not isinstance(node, exp.Expr):
            raise unknown(node)
        known = self._PRINTED.get(type(node))
        if known is None:
            raise unknown(node)
        method, arguments = known
        if not isinstance(node, exp.Query) or isinstance(node, exp.Subquery):
            only(node, arguments)
        return method(self, node)

    def list_(self, nodes: Iterable[object]) -> str:
        """Return expressions with commas between them."""
        return ", ".join(map(self.text, nodes))

    def alias(self, node: exp.Expr) -> str:
        """Return a name that the caller gave to something."""
        if isinstance(node, exp.TableAlias):
            only(node, {"this"})
            node = node.this
        if not isinstance(node, exp.Identifier):
            raise unknown(node)
        return quoted(node.name)

    def _distinct(self, node: exp.Expr | None) -> str:
        if node is None:
            return ""
        only(node, {"on", "expressions"})
        if node.args.get("on"):
            return f"DISTINCT ON ({self.list_(node.args['on'].expressions)})"
        return f"DISTINCT {self.list_(node.expressions)}".rstrip()

    def _binary(self, node: exp.Expr) -> str:
        """Return operators and operands in their order, without recursion on the left: conditions are long."""
        backwards: list[str] = []
        while (sign := _OPERATORS.get(type(node))) is not None:
            only(node, _BINARY_ARGUMENTS)
            backwards += [self.text(node.expression), sign]
            node = node.this
        return " ".join([self.text(node), *reversed(backwards)])

    def _not(self, node: exp.Expr) -> str:
        inner = node.this
        if isinstance(inner, exp.In | exp.Between | exp.Is):
            only(inner, self._PRINTED[type(inner)][1])
            if isinstance(inner, exp.In):
                return self._in(inner, negated=True)
            return (
                self._between(inner, negated=True) if isinstance(inner, exp.Between) else self._is(inner, negated=True)
            )
        return f"NOT {self.text(inner)}"

    def _negative(self, node: exp.Expr) -> str:
        text = self.text(node.this)
        return f"- {text}" if text.startswith("-") else f"-{text}"  # two of them would begin a comment

    def _in(self, node: exp.Expr, *, negated: bool = False) -> str:
        words = ("GLOBAL " if node.args.get("is_global") else "") + ("NOT " if negated else "") + "IN"
        if node.args.get("query"):
            right = self.text(node.args["query"])
        elif node.args.get("field"):
            right = self.text(node.args["field"])
        else:
            right = f"({self.list_(node.expressions)})"
        return f"{self.text(node.this)} {words} {right}"

    def _between(self, node: exp.Expr, *, negated: bool = False) -> str:
        word = "NOT BETWEEN" if negated else "BETWEEN"
        return f"{self.text(node.this)} {word} {self.text(node.args['low'])} AND {self.text(node.args['high'])}"

    def _is(self, node: exp.Expr, *, negated: bool = False) -> str:
        if not isinstance(node.expression, exp.Null):
            raise unknown(node)
        return f"{self.text(node.this)} IS {'NOT ' if negated else ''}NULL"

    def _like(self, node: exp.Expr) -> str:
        word = "ILIKE" if isinstance(node, exp.ILike) else "LIKE"
        word = f"NOT {word}" if node.args.get("negate") else word
        return f"{self.text(node.this)} {word} {self.text(node.expression)}"

    def _call(self, node: exp.Expr) -> str:
        name = FUNCTIONS.get(function_name(node).lower())
        if name is None:
            raise unknown(node)
        text = f"{name}({self.list_(node.expressions)})"
        return text + (f"({self.list_(node.args['params'])})" if node.args.get("params") else "")

    def _window(self, node: exp.Expr) -> str:
        if node.args.get("over") != "OVER":
            raise unknown(node)
        alias, parts = node.args.get("alias"), self._window_parts(node)
        if alias is not None and not parts:
            return f"{self.text(node.this)} OVER {self.alias(alias)}"
        inside = " ".join(([self.alias(alias)] if alias is not None else []) + parts)
        return f"{self.text(node.this)} OVER ({inside})"

    def _named_window(self, node: exp.Expr) -> str:
        only(node, {"this", "partition_by", "order", "spec"})
        return f"{self.alias(node.this)} AS ({' '.join(self._window_parts(node))})"

    def _window_parts(self, node: exp.Expr) -> list[str]:
        parts = []
        if node.args.get("partition_by"):
            parts.append(f"PARTITION BY {self.list_(node.args['partition_by'])}")
        if node.args.get("order"):
            parts.append(self.text(node.args["order"]))
        if spec := node.args.get("spec"):
            only(spec, {"kind", "start", "start_side", "end", "end_side"})
            kind = str(spec.args.get("kind")).upper()
            if kind not in ("ROWS", "RANGE"):
                raise unknown(spec)
            parts.append(f"{kind} BETWEEN {self._frame(spec, 'start')} AND {self._frame(spec, 'end')}")
        return parts

    def _frame(self, spec: exp.Expr, edge: str) -> str:
        value, side = spec.args.get(edge), str(spec.args.get(f"{edge}_side") or "").upper()
        if value is None and edge == "end":
            return "CURRENT ROW"
        if value == "CURRENT ROW":
            return "CURRENT ROW"
        if side not in _FRAME_SIDES:
            raise unknown(spec)
        return f"UNBOUNDED {side}" if value == "UNBOUNDED" else f"{self.text(value)} {side}"

    def _order(self, node: exp.Expr) -> str:
        return f"ORDER BY {self.list_(node.expressions)}"

    def _ordered(self, node: exp.Expr) -> str:
        text = self._order_key(node.this)
        if node.args.get("desc") is not None:
            text += " DESC" if node.args["desc"] else " ASC"
        if node.args.get("nulls_first"):
            text += " NULLS FIRST"
        if fill := node.args.get("with_fill"):
            only(fill, {"from_", "to", "step"})
            text += " WITH FILL"
            for word, name in (("FROM", "from_"), ("TO", "to"), ("STEP", "step")):
                text += f" {word} {self.text(fill.args[name])}" if fill.args.get(name) else ""
        return text

    def _order_key(self, node: exp.Expr) -> str:
        is_all = isinstance(node, exp.Column) and node.name.upper() == "ALL" and not node.this.args.get("quoted")
        return "ALL" if is_all else self.text(node)

    def _case(self, node: exp.Expr) -> str:
        parts = ["CASE"] + ([self.text(node.this)] if node.this else [])
        for branch in node.args["ifs"]:
            only(branch, {"this", "true"})
            parts += ["WHEN", self.text(branch.this), "THEN", self.text(branch.args["true"])]
        if node.args.get("default"):
            parts += ["ELSE", self.text(node.args["default"])]
        return " ".join([*parts, "END"])

    def _ternary(self, node: exp.Expr) -> str:
        yes, no = node.args["true"], node.args.get("false")
        return f"{self.text(node.this)} ? {self.text(yes)} : {self.text(no)}"

    def _cast(self, node: exp.Expr) -> str:
        return f"CAST({self.text(node.this)} AS {self._type(node.args['to'])})"

    def _type(self, node: exp.Expr) -> str:
        if isinstance(node, exp.Literal):
            return self._literal(node)
        if not isinstance(node, TypeName):
            raise unknown(node)
        name = _TYPES.get(node.name.lower())
        if name is None:
            raise InvalidQuery(f"Type '{node.name}' is not supported")
        inside = ", ".join(map(self._type, node.expressions))
        return f"{name}({inside})" if inside else name

    def _interval(self, node: exp.Expr) -> str:
        unit = str(node.args["unit"].name).upper().removesuffix("S") if node.args.get("unit") else ""
        if unit not in _UNITS:
            raise InvalidQuery("Invalid SQL syntax: INTERVAL needs a number and a unit such as DAY")
        amount = node.this
        if isinstance(amount, exp.Literal) and _NUMBER.match(amount.name):
            return f"INTERVAL {amount.name} {unit}"
        return f"INTERVAL {self.text(amount)} {unit}"

    def _extract(self, node: exp.Expr) -> str:
        unit = str(node.this.name).upper()
        if unit not in _UNITS:
            raise InvalidQuery("Invalid SQL syntax: EXTRACT needs a unit such as DAY")
        return f"EXTRACT({unit} FROM {self.text(node.expression)})"

    def _lambda(self, node: exp.Expr) -> str:
        arguments = ", ".join(map(self.alias, node.expressions))
        return f"({arguments}) -> {self.text(node.this)}"

    def _subscript(self, node: exp.Expr) -> str:
        return f"{self.text(node.this)}[{self.list_(node.expressions)}]"

    def _column(self, node: exp.Expr) -> str:
        parts = [node.args.get(part) for part in ("catalog", "db", "table", "this")]
        return ".".join(map(self._part, (part for part in parts if part is not None)))

    def _dot(self, node: exp.Expr) -> str:
        return f"{self.text(node.this)}.{self._part(node.expression)}"

    def _part(self, node: exp.Expr) -> str:
        if isinstance(node, exp.Literal) and not node.is_string and _INTEGER.match(node.name):
            return node.name
        if isinstance(node, exp.Star):
            only(node, ())
            return "*"
        return self.alias(node)

    def _literal(self, node: exp.Expr) -> str:
        if not isinstance(node, exp.Literal):
            raise unknown(node)
        if node.is_string:
            if not _STRING.match(node.name):
                raise unknown(node)
            return f"'{node.name}'"
        if not _NUMBER.match(node.name):
            raise unknown(node)
        return node.name

    def _subquery(self, node: exp.Expr) -> str:
        alias = node.args.get("alias")
        return f"({self.query(node.this)})" + (f" AS {self.alias(alias)}" if alias else "")

    _PRINTED: ClassVar[dict[type[exp.Expr], tuple[Print, frozenset[str]]]] = {
        kind: (method, frozenset(arguments.split()))
        for kinds, method, arguments in (
            ([*_OPERATORS], _binary, "this expression typed safe"),
            ([exp.Subquery], _subquery, "this alias"),
            ([exp.Select, exp.Union, exp.Except, exp.Intersect], lambda self, node: f"({self.query(node)})", ""),
            (
                [exp.Alias],
                lambda self, node: f"{self.text(node.this)} AS {self.alias(node.args['alias'])}",
                "this alias",
            ),
            ([exp.Paren], lambda self, node: f"({self.text(node.this)})", "this"),
            ([exp.Tuple], lambda self, node: f"({self.list_(node.expressions)})", "expressions"),
            ([exp.Array], lambda self, node: f"[{self.list_(node.expressions)}]", "expressions"),
            ([exp.Bracket], _subscript, "this expressions"),
            ([exp.Not], _not, "this"),
            ([exp.Neg], _negative, "this"),
            ([exp.In], _in, "this expressions query field is_global"),
            ([exp.Between], _between, "this low high"),
            ([exp.Is], _is, "this expression"),
            ([exp.Like, exp.ILike], _like, "this expression negate"),
            ([exp.Anonymous, exp.AnonymousAggFunc, exp.CombinedAggFunc], _call, "this expressions"),
            ([exp.ParameterizedAgg, exp.CombinedParameterizedAgg], _call, "this expressions params"),
            ([exp.Distinct], _distinct, "expressions"),
            ([exp.Window], _window, "this partition_by order spec alias over"),
            ([exp.Order], _order, "expressions"),
            ([exp.Ordered], _ordered, "this desc nulls_first with_fill"),
            ([exp.Cube], lambda self, node: f"CUBE({self.list_(node.expressions)})", "expressions"),
            ([exp.Rollup], lambda self, node: f"ROLLUP({self.list_(node.expressions)})", "expressions"),
            ([exp.GroupingSets], lambda self, node: f"GROUPING SETS ({self.list_(node.expressions)})", "expressions"),
            ([exp.Case], _case, "this ifs default"),
            ([exp.If], _ternary, "this true false"),
            ([exp.Cast], _cast, "this to"),
            ([exp.Interval], _interval, "this unit"),
            ([exp.Extract], _extract, "this expression"),
            ([exp.Lambda], _lambda, "this expressions"),
            ([exp.Column], _column, "this table db catalog"),
            ([exp.Dot], _dot, "this expression"),
            ([exp.Identifier], lambda self, node: self.alias(node), "this quoted"),
            ([exp.Literal], _literal, "this is_string"),
            ([exp.Null], lambda _, __: "NULL", ""),
            ([exp.Boolean], lambda _, node: "true" if node.this else "false", "this"),
            ([exp.Star], lambda _, __: "*", ""),
        )
        for kind in kinds
    }


def only(node: exp.Expr, arguments: Iterable[str]) -> None:
    """Refuse a node that says more than would be printed."""
    for name, value in node.args.items():
        if value and name not in arguments:
            raise unknown(node, name)


def unknown(node: object, part: str = "") -> InvalidQuery:
    """Return the refusal of what is not known."""
    kind = type(node).__name__ + (f" with {part.strip('_')}" if part else "")
    return InvalidQuery("Analytics query uses SQL that is not supported", internal=f"not printed: {kind}")


def quoted(name: str) -> str:
    """Return a name in backticks."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def quoted_string(value: str) -> str:
    """Return a string literal."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


_BINARY_ARGUMENTS = frozenset({"this", "expression", "typed", "safe"})
