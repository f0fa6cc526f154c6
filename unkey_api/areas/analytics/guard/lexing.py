"""Text to tokens, as ClickHouse reads them, and within bounds before anything is parsed.

Strings keep the bytes they were written with: what is inside of the quotes is never unescaped, and goes out as it came.
Anything that is not of the forms below is refused, so nothing that ClickHouse would read differently gets further.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from sqlglot.dialects.clickhouse import ClickHouse
from sqlglot.tokenizer_core import Token, TokenType

from unkey_api.areas.analytics.errors import InvalidQuery

MAX_QUERY_BYTES = 16_384
MAX_TOKENS = 4_000
"""No query of fewer than the 2,000 nodes that are allowed needs more, and parsing one takes some 30 ms."""
MAX_DEPTH = 40
"""Brackets in brackets. The parser descends about twenty calls for each, and Python allows a thousand."""

TOO_LONG = "Analytics query exceeds the maximum length"
TOO_COMPLEX = "Analytics query is too complex"

Tokens: TypeAlias = list[Token]

_TOKEN = re.compile(
    r"""
    (?P<space>     [ \t\r\n\f\v]+ | --[^\n]* | /\*.*?\*/ )
  | (?P<number>    \d+ (?: \.\d+ )? (?: [eE][+-]?\d+ )? (?![\w.]) )
  | (?P<odd_number> 0[xXbB][0-9a-fA-F]+ (?![\w.]) )
  | (?P<word>      [A-Za-z_][A-Za-z0-9_]* )
  | (?P<string>    '(?: [^'\\] | \\. | '' )*+' )
  | (?P<backtick>  `(?: [^`\\] | \\. | `` )*+` )
  | (?P<double>    "(?: [^"\\] | \\. | "" )*+" )
  | (?P<sign>      <=> | :: | -> | \|\| | == | != | <> | <= | >= | [()\[\],.;:?=<>+\-*/%] )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_ALL_KEYWORDS = ClickHouse.Tokenizer.KEYWORDS
# The words that structure a SELECT. sqlglot knows hundreds more, most of them of other databases; here those are names.
_WORDS = """
    ALL AND ANTI ANY APPLY ARRAY AS ASC ASOF BETWEEN CASE CROSS CUBE DESC DISTINCT DIV ELSE END ESCAPE EXCEPT FETCH
    FINAL FORMAT FROM FULL GLOBAL HAVING ILIKE IN INNER INTERSECT INTERVAL INTO IS JOIN LEFT LIKE LIMIT NATURAL NOT NULL
    OFFSET ON OR OUTER OVER PREWHERE QUALIFY RANGE RECURSIVE RIGHT ROLLUP ROWS SAMPLE SELECT SEMI SETTINGS THEN TOP
    TRUE FALSE UNION USING WHEN WHERE WINDOW WITH
"""
_KEYWORDS = {word: _ALL_KEYWORDS[word] for word in _WORDS.split() if word in _ALL_KEYWORDS}
_PAIRS = {("GROUP", "BY"), ("ORDER", "BY"), ("PARTITION", "BY"), ("GROUPING", "SETS")}
_SIGNS = {
    **ClickHouse.Tokenizer.SINGLE_TOKENS,
    **{sign: _ALL_KEYWORDS[sign] for sign in ("<=>", "::", "->", "||", "==", "!=", "<>", "<=", ">=")},
}
_ESCAPE = re.compile(r"\\(.)|(``|\"\")", re.DOTALL)
_CONTROL = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "f": "\f", "a": "\a", "v": "\v"}


def tokens_of(query: str) -> Tokens:
    """Return the tokens of a query, comments left out.

    Raises:
        InvalidQuery: It is longer than `MAX_QUERY_BYTES` in UTF-8, has more than `MAX_TOKENS` tokens, is nested deeper
            than `MAX_DEPTH`, or has something in it that is not ClickHouse's SQL.
    """
    if len(query) > MAX_QUERY_BYTES or len(query.encode("utf-8", "surrogatepass")) > MAX_QUERY_BYTES:
        raise InvalidQuery(TOO_LONG)
    found: Tokens = []
    position = depth = 0
    while position < len(query):
        match = _TOKEN.match(query, position)
        if match is None:
            raise syntax_error(query, position, _unreadable(query[position]))
        position = match.end()
        kind = match.lastgroup
        if kind == "space":
            continue
        token = _token(query, match, str(kind))
        if token.text in ("(", "[") and kind == "sign":
            depth += 1
        elif token.text in (")", "]") and kind == "sign":
            depth -= 1
        if len(found) >= MAX_TOKENS or depth > MAX_DEPTH:
            raise InvalidQuery(TOO_COMPLEX)
        _add(found, token)
    return found


def syntax_error(query: str, position: int, what: str) -> InvalidQuery:
    """Return the error for something at a position of the query, counted in characters from 0."""
    before = query[:position]
    line = before.count("\n") + 1
    column = position - (before.rfind("\n") + 1) + 1
    return InvalidQuery(f"Invalid SQL syntax at line {line}, column {column}: {what}")


def _token(query: str, match: re.Match[str], kind: str) -> Token:
    text = match.group()
    start, end = match.span()
    if kind == "number":
        return Token(TokenType.NUMBER, text, col=start, start=start, end=end - 1)
    if kind == "word":
        return Token(_KEYWORDS.get(text.upper(), TokenType.VAR), text, col=start, start=start, end=end - 1)
    if kind == "string":
        return Token(TokenType.STRING, text[1:-1], col=start, start=start, end=end - 1)
    if kind in {"backtick", "double"}:
        if len(text) == 2:
            raise syntax_error(query, start, "a quoted name is empty")
        return Token(TokenType.IDENTIFIER, _unquoted(text), col=start, start=start, end=end - 1)
    if kind == "sign":
        return Token(_SIGNS[text], text, col=start, start=start, end=end - 1)
    raise syntax_error(query, start, "write numbers as decimals")


def _add(found: Tokens, token: Token) -> None:
    """Append a token, joined with the one before where two words are one keyword."""
    if found and token.text.upper() in ("BY", "SETS"):
        before = found[-1]
        pair = (before.text.upper(), token.text.upper())
        if pair in _PAIRS and TokenType.IDENTIFIER not in (before.token_type, token.token_type):
            words = " ".join(pair)
            found[-1] = Token(_ALL_KEYWORDS[words], words, col=before.start, start=before.start, end=token.end)
            return
    found.append(token)


def _unquoted(text: str) -> str:
    """Return the name that is meant by a name in backticks or double quotes."""
    return _ESCAPE.sub(lambda match: _CONTROL.get(match[1], match[1]) if match[1] else match[2][0], text[1:-1])


def _unreadable(character: str) -> str:
    if character in "{}":
        return "query parameters and maps in braces are not supported"
    if character in "'\"`":
        return f"the {character} that opens here is not closed"
    if character == "/":
        return "the comment that opens here is not closed"
    shown = character if character.isprintable() else f"U+{ord(character):04X}"
    return f"unexpected character {shown}"
