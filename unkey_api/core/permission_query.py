"""The language in which a caller of verifyKey says which permissions a key must hold.

    query   := or END
    or      := and ( OR and )*
    and     := primary ( AND primary )*
    primary := IDENTIFIER | "(" or ")"

Operators are whole words in any letter case. Identifiers are runs of ASCII letters, digits and `. _ - : * /` and are
compared as text: `*` is an ordinary character. A NUL ends the input. Parser and evaluator keep their own stacks, so the
depth of nesting is bounded by the length of the text only.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from unkey_api.core.error_code import ErrorCode
from unkey_api.core.errors import AppError


class PermissionQuerySyntaxError(AppError):
    """The text is not a permission query. The sentence says what was found and at which byte (from 0)."""

    code = ErrorCode.USER_BAD_REQUEST_PERMISSIONS_QUERY_SYNTAX_ERROR


class Operator(Enum):
    """How two sub-queries are joined; the value is the binding strength."""

    OR = 1
    AND = 2


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query: identifiers and operators in postfix order."""

    postfix: tuple[str | Operator, ...]

    def holds(self, slugs: Collection[str]) -> bool:
        """Say whether a key that has exactly these permission slugs satisfies the query. Duplicates are harmless."""
        granted = slugs if isinstance(slugs, AbstractSet) else frozenset(slugs)
        verdicts: list[bool] = []
        for step in self.postfix:
            if isinstance(step, str):
                verdicts.append(step in granted)
            else:
                right = verdicts.pop()
                left = verdicts.pop()
                verdicts.append((left and right) if step is Operator.AND else (left or right))
        return verdicts[0]


class _Kind(Enum):
    IDENTIFIER = "identifier"
    OPERATOR = "operator"
    OPEN = "("
    CLOSE = ")"
    INVALID = "invalid"
    END = "end"


class _Token(NamedTuple):
    kind: _Kind
    text: str
    position: int
    """Byte offset. Equal to the character offset: nothing after the first non-ASCII character is ever reported."""

    @property
    def shown(self) -> str:
        """The token as error sentences quote it."""
        if self.kind is _Kind.INVALID:
            return f"invalid character '{self.text}' at position {self.position} in query"
        return self.text


_PIECE = re.compile(r"(?P<blank>[ \t\r\n]+)|(?P<word>[A-Za-z0-9._\-:*/]+)|(?P<other>.)", re.DOTALL)
_PARENTHESES = {"(": _Kind.OPEN, ")": _Kind.CLOSE}
_OPERATORS = {"AND": Operator.AND, "OR": Operator.OR}

# Callers repeat the same few queries; a query is at most 1,000 characters, so the memory stays within megabytes.
_PARSED_KEPT = 512


@lru_cache(maxsize=_PARSED_KEPT)
def parse(text: str) -> Query:
    """Read a permission query.

    Raises:
        PermissionQuerySyntaxError: The text does not follow the grammar.
    """
    return _Parser().read(text)


def _tokens(text: str) -> Iterator[_Token]:
    source = text.partition("\0")[0]
    for piece in _PIECE.finditer(source):
        found, position = piece.group(), piece.start()
        if piece.lastgroup == "word":
            kind = _Kind.OPERATOR if found.upper() in _OPERATORS else _Kind.IDENTIFIER
            yield _Token(kind, found, position)
        elif piece.lastgroup == "other":
            yield _Token(_PARENTHESES.get(found, _Kind.INVALID), found, position)
    yield _Token(_Kind.END, "", len(source))


class _Parser:
    """Operator precedence parser: alternates between waiting for an operand and waiting for an operator."""

    def __init__(self) -> None:
        self._postfix: list[str | Operator] = []
        self._pending: list[Operator | None] = []  # None marks an open parenthesis
        self._depth = 0
        self._previous: _Token | None = None

    def read(self, text: str) -> Query:
        """Consume the text and return the query."""
        operand_expected = True
        for token in _tokens(text):
            operand_expected = self._operand(token) if operand_expected else self._operator(token)
            self._previous = token
        return Query(tuple(self._postfix))

    def _operand(self, token: _Token) -> bool:
        """Take a token where an operand must stand; return whether one is still awaited."""
        if token.kind is _Kind.IDENTIFIER:
            self._postfix.append(token.text)
            return False
        if token.kind is _Kind.OPEN:
            self._pending.append(None)
            self._depth += 1
            return True
        raise self._operand_refused(token)

    def _operator(self, token: _Token) -> bool:
        """Take a token behind an operand; return whether another operand is awaited."""
        if token.kind is _Kind.OPERATOR:
            operator = _OPERATORS[token.text.upper()]
            self._settle(operator.value)
            self._pending.append(operator)
            return True
        if token.kind is _Kind.CLOSE and self._depth:
            self._settle(0)
            self._pending.pop()
            self._depth -= 1
        elif token.kind is not _Kind.END or self._depth:
            raise self._operator_refused(token)
        else:
            self._settle(0)
        return False

    def _settle(self, strength: int) -> None:
        """Emit waiting operators that bind at least as tightly as `strength`, down to the nearest parenthesis."""
        while self._pending:
            waiting = self._pending[-1]
            if waiting is None or waiting.value < strength:
                return
            self._postfix.append(waiting)
            self._pending.pop()

    def _operand_refused(self, token: _Token) -> PermissionQuerySyntaxError:
        previous = self._previous
        if token.kind is _Kind.END and previous is None:
            return PermissionQuerySyntaxError("Unexpected end of input. Please provide a valid permission query.")
        if token.kind is _Kind.END:
            return PermissionQuerySyntaxError(
                "Unexpected end of query. Expected a permission identifier or opening parenthesis."
            )
        if token.kind is _Kind.CLOSE and previous is not None and previous.kind is _Kind.OPEN:
            return PermissionQuerySyntaxError(
                f"Empty parentheses found at position {token.position}. Put a permission or an expression inside them."
            )
        if token.kind is _Kind.INVALID:
            return PermissionQuerySyntaxError(
                f"Invalid character '{token.text}' found in query at position {token.position}. "
                "Permissions consist of letters, digits and the characters . _ - : * /"
            )
        return PermissionQuerySyntaxError(
            f"Unexpected token '{token.shown}' at position {token.position}. "
            "Expected a permission identifier or opening parenthesis."
        )

    def _operator_refused(self, token: _Token) -> PermissionQuerySyntaxError:
        if self._depth:
            return PermissionQuerySyntaxError(
                f"Missing closing parenthesis ')' at position {token.position}. "
                "Every opening parenthesis needs a closing one."
            )
        return PermissionQuerySyntaxError(
            f"Unexpected token '{token.shown}' at position {token.position}. "
            "The query appears to have extra content after a valid expression."
        )
