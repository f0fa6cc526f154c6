"""Tokens to a tree, by sqlglot's ClickHouse parser with everything left out that a SELECT does not need.

The parser knows the SQL of thirty databases and turns functions of one into those of another. Here every call stays
the call that was written, and types are names. What is left of its leniency does no harm: only what the printer knows
how to print is sent on.
"""

from __future__ import annotations

from sqlglot import exp
from sqlglot.dialects.clickhouse import ClickHouse
from sqlglot.errors import ParseError
from sqlglot.parsers.clickhouse import ClickHouseParser
from sqlglot.tokenizer_core import TokenType

from unkey_api.areas.analytics.errors import InvalidQuery, NotASelect
from unkey_api.areas.analytics.guard.lexing import TOO_COMPLEX, Tokens, syntax_error, tokens_of

STEPS_PER_TOKEN = 12
"""How often the parser may move for each token. An ordinary query takes two; some constructs are tried several ways,
and nesting such a one doubles the work with every level."""

_STATEMENTS = """
    CREATE ATTACH ALTER DROP DETACH TRUNCATE RENAME DELETE INSERT USE SET SYSTEM OPTIMIZE CHECK GRANT
    DESCRIBE DESC
"""
_OTHER_STATEMENTS = frozenset(_STATEMENTS.split())
_OTHER_STATEMENTS_BY_TWO = {
    "SHOW": frozenset({"CREATE", "TABLES", "DATABASES"}),
    "EXPLAIN": frozenset({"AST", "SYNTAX", "PIPELINE", "ESTIMATE"}),
}


class TypeName(exp.Expression):
    """The target of a cast: a name, and what is in its parentheses."""

    arg_types = {"this": True, "expressions": False}  # noqa: RUF012 - the library's own way


class TooManySteps(Exception):
    """The parser went back and forth more than any honest query makes it."""


class SelectParser(ClickHouseParser):
    """Parses one SELECT."""

    FUNCTIONS = {}  # noqa: RUF012 - the parser's own way of configuration, here and below
    FUNCTION_PARSERS = {  # noqa: RUF012
        "CAST": lambda self: self._parse_cast(strict=True),
        "EXTRACT": lambda self: self._parse_extract(),
    }
    NO_PAREN_FUNCTION_PARSERS = {"CASE": lambda self: self._parse_case()}  # noqa: RUF012
    NO_PAREN_FUNCTIONS = {}  # noqa: RUF012
    SUBQUERY_PREDICATES = {}  # noqa: RUF012
    PLACEHOLDER_PARSERS = {}  # noqa: RUF012
    QUERY_MODIFIER_PARSERS = {  # noqa: RUF012
        **ClickHouseParser.QUERY_MODIFIER_PARSERS,
        TokenType.LIMIT: lambda self: self._parse_limits(),
    }
    BRACKETS = frozenset({TokenType.L_BRACKET})
    MODIFIERS_ATTACHED_TO_SET_OP = False  # in ClickHouse the last SELECT has them

    steps_left = 0

    def _advance(self, times: int = 1) -> None:
        self.steps_left -= 1
        if self.steps_left < 0:
            raise TooManySteps
        super()._advance(times)

    def _parse_statement(self) -> exp.Expr | None:
        return self._parse_query_modifiers(self._parse_select())

    def _parse_extract(self) -> exp.Extract:
        unit = self._parse_var(any_token=True)
        if not self._match(TokenType.FROM):
            self.raise_error("EXTRACT needs a unit and FROM")
        return self.expression(exp.Extract(this=unit, expression=self._parse_bitwise()))

    def _parse_type(self, parse_interval: bool = True, fallback_to_identifier: bool = False) -> exp.Expr | None:  # noqa: FBT001, FBT002 - the signature of the parser
        if (atom := self._parse_atom()) is not None:
            return atom
        if parse_interval and (interval := self._parse_interval()):
            return self._parse_column_ops(interval)
        return self._parse_column()

    def _parse_types(
        self,
        check_func: bool = False,  # noqa: FBT001, FBT002 - the same
        schema: bool = False,  # noqa: FBT001, FBT002
        allow_identifiers: bool = True,  # noqa: FBT001, FBT002
        with_collation: bool = False,  # noqa: FBT001, FBT002
    ) -> exp.Expr | None:
        """Read a type: a name, and in parentheses types, numbers or strings. What is named in a tuple is refused."""
        if self._match_set((TokenType.NUMBER, TokenType.STRING)):
            token = self._prev
            return exp.Literal(this=token.text, is_string=token.token_type == TokenType.STRING)
        name = self._parse_var(any_token=True)
        if name is None:
            return None
        arguments: list[exp.Expr] = []
        if self._match(TokenType.L_PAREN):
            arguments = self._parse_csv(self._parse_types)
            self._match_r_paren()
        return TypeName(this=name.name, expressions=arguments)

    def _parse_cast(self, strict: bool, safe: bool | None = None) -> exp.Expr:  # noqa: FBT001 - the same
        this = self._parse_assignment()
        if self._match(TokenType.ALIAS):
            to = self._parse_types()
        elif self._match(TokenType.COMMA) and self._match(TokenType.STRING):
            to = _type_in(self._prev.text)
        else:
            to = None
        if not isinstance(to, TypeName):
            self.raise_error("CAST needs a type")
        return self.expression(exp.Cast(this=this, to=to))

    def _parse_bracket(self, this: exp.Expr | None = None) -> exp.Expr | None:
        """Read arrays and subscripts; the parser would number elements from 0."""
        while self._match(TokenType.L_BRACKET):
            inside = self._parse_csv(self._parse_lambda)
            if not self._match(TokenType.R_BRACKET):
                self.raise_error("Expecting ]")
            this = exp.Bracket(this=this, expressions=inside) if this else exp.Array(expressions=inside)
        return this

    def _parse_limits(self) -> tuple[str, exp.Expr | None]:
        """Read LIMIT n BY and LIMIT n as two clauses, for a query may have both."""
        limit = self._parse_limit()
        return ("limit_by" if limit and limit.expressions else "limit"), limit

    def parse_type(self, tokens: Tokens, text: str) -> exp.Expr | None:
        """Return the type that the tokens are."""
        return self._parse(lambda _: self._parse_types(), tokens, text)[0]

    def _parse_pivots(self) -> None:
        return None

    def _parse_lateral(self) -> None:
        return None

    def _parse_unnest(self, with_alias: bool = True) -> None:  # noqa: FBT001, FBT002 - the same
        return None

    def _parse_in(self, this: exp.Expr | None, alias: bool = False) -> exp.In:  # noqa: FBT001, FBT002 - the same
        """Keep the difference between a list in parentheses and an array in brackets."""
        if self._match(TokenType.L_BRACKET, advance=False):
            return self.expression(exp.In(this=this, field=self._parse_bracket()))
        return super()._parse_in(this, alias=alias)


def _type_in(text: str) -> exp.Expr | None:
    """Return the type that is written in a string literal."""
    tokens = tokens_of(text)
    parser = SelectParser(dialect=_DIALECT)
    parser.steps_left = STEPS_PER_TOKEN * (len(tokens) + 5)
    return parser.parse_type(tokens, text) if tokens else None


def parse_select(query: str, tokens: Tokens) -> exp.Query:
    """Return the tree of the one SELECT that the tokens are.

    Raises:
        InvalidQuery: There is no statement, more than one, or one that cannot be parsed.
        NotASelect: It is a statement of another kind.
    """
    statement = _only_statement(tokens)
    _refuse_other_kinds(query, statement)
    parser = SelectParser(dialect=_DIALECT)
    parser.steps_left = STEPS_PER_TOKEN * len(statement) + 200
    try:
        parsed = parser.parse(statement, query)
    except ParseError as error:
        raise _syntax_error(query, error) from error
    except (TooManySteps, RecursionError) as error:
        raise InvalidQuery(TOO_COMPLEX) from error
    root = parsed[0] if len(parsed) == 1 else None
    if not isinstance(root, exp.Select | exp.SetOperation):
        raise syntax_error(query, statement[0].start, "this is not a SELECT")
    return root


_DIALECT = ClickHouse()


def _only_statement(tokens: Tokens) -> Tokens:
    statements: list[Tokens] = [[]]
    for token in tokens:
        if token.token_type == TokenType.SEMICOLON:
            statements.append([])
        else:
            statements[-1].append(token)
    statements = [statement for statement in statements if statement]
    if not statements:
        raise InvalidQuery("No SQL statements found")
    if len(statements) > 1:
        raise InvalidQuery("Analytics queries must contain exactly one statement")
    return statements[0]


def _refuse_other_kinds(query: str, statement: Tokens) -> None:
    first = statement[0]
    if first.token_type in (TokenType.SELECT, TokenType.WITH):
        return
    word = first.text.upper() if first.token_type not in (TokenType.IDENTIFIER, TokenType.STRING) else ""
    second = statement[1].text.upper() if len(statement) > 1 else ""
    if word in _OTHER_STATEMENTS or second in _OTHER_STATEMENTS_BY_TWO.get(word, ()):
        raise NotASelect("Only SELECT queries are allowed")
    raise syntax_error(query, first.start, "a query begins with SELECT or WITH")


def _syntax_error(query: str, error: ParseError) -> InvalidQuery:
    """Return our error for the parser's, which speaks of the same place. Its excerpt of the query is left out."""
    found = error.errors[0] if error.errors else {}
    what = str(found.get("description") or "it cannot be read")
    return syntax_error(query, int(found.get("col") or 0), what)
