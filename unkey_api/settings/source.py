"""Where the configuration text comes from, how variables in it are filled in, and how what is wrong with it is told.

`${NAME}` stands for an environment variable, `${NAME:-text}` for one that may be absent. Variables are filled into the
values of the parsed file, never into its text, so what a variable holds can be a value and nothing else. `$${` is a
literal `${`; every other `$` means itself. Outside of quotes, where TOML knows no `$`, `$NAME` is understood as well.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right."""

    path: str
    """Key as written in the file, `section.field` or `auth[0].field`; empty when the source itself is at fault."""
    message: str
    """What is wrong with it, phrased to follow the path."""

    def __str__(self) -> str:
        return f"{self.path} {self.message}".strip()


class ConfigError(Exception):
    """The configuration cannot be used. Carries every problem found, not only the first."""

    def __init__(self, source: str, problems: tuple[Problem, ...]) -> None:
        lines = "".join(f"\n  - {problem}" for problem in problems)
        super().__init__(f"invalid configuration ({source}):{lines}")
        self.source = source
        self.problems = problems


_NO_WORDS: Mapping[str, str] = {}


def nearest(name: str, known: Iterable[str], *, words: Mapping[str, str] = _NO_WORDS) -> str:
    """Return the known name most like `name`, letter case aside.

    Args:
        name: What was written.
        known: Names there are, at least one.
        words: Names other programs have for the same thing, in lower case, to one of `known`.
    """
    if name.lower() in words:
        return words[name.lower()]
    by_lower = {each.lower(): each for each in known}
    return by_lower[difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.0)[0]]


CONFIG_VARIABLE = "UNKEY_CONFIG"
DEFAULT_FILE = "unkey.toml"

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_REFERENCE = re.compile(rf"\$\$\{{|\$\{{(?:({_NAME})(?::-([^}}]*))?\}}|[^}}]*\}})")
_WHOLE = re.compile(rf"\$\{{({_NAME})(?::-([^}}]*))?\}}")
_UNBRACED = re.compile(rf"\$({_NAME})")
_STRING_OR_COMMENT = (
    r'"""(?:\\.|[^\\])*?"{3,5}|'  # first what may hold the others
    r"'''.*?'{3,5}|"
    r'"(?:\\.|[^"\\\n])*"|'
    r"'[^'\n]*'|"
    r"\#[^\n]*"
)
_BARE = re.compile(rf"({_STRING_OR_COMMENT})|\$\{{({_NAME}(?::-[^}}\n]*)?)\}}|\$({_NAME})", re.DOTALL)


def is_text(value: str) -> bool:
    """Say whether a variable is UTF-8: Python hands over other bytes as lone surrogates, which no store would take."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


class FromVariable(str):
    """A value that is one reference and nothing else: read like an environment variable, whatever the key's type."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed configuration text."""

    label: str
    """What to call it in messages: a file name or `inline`. Never the text."""
    tree: Mapping[str, object]
    """TOML values, variables filled in."""
    problems: tuple[Problem, ...] = ()
    """References that cannot be filled in."""
    referenced: frozenset[str] = frozenset()
    """Names of the variables the text mentions."""


def read_source(source: str | None, environ: Mapping[str, str]) -> Source:
    """Find, parse and fill in the configuration.

    Args:
        source: File path, or TOML text when it holds `=` or a line break. None falls back to `UNKEY_CONFIG`, then to
            `unkey.toml` in the working directory, which may be absent: everything can come from the environment.
        environ: Environment variables.

    Raises:
        ConfigError: A named file cannot be read, or the text is not TOML.
    """
    named = source or environ.get(CONFIG_VARIABLE)
    if named and ("=" in named or "\n" in named):
        return _filled_in("inline", named, environ)
    file = Path(named or DEFAULT_FILE)
    try:
        if not named and not file.exists():
            return Source("environment", {})
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError) as err:
        reason = err.strerror if isinstance(err, OSError) else "not UTF-8 text"
        raise ConfigError(str(file), (Problem("", f"the file cannot be read: {reason}"),)) from err
    return _filled_in(str(file), text, environ)


def _filled_in(label: str, text: str, environ: Mapping[str, str]) -> Source:
    try:
        tree = tomllib.loads(_BARE.sub(_quoted, text))
    except (ValueError, RecursionError) as err:  # TOML's own errors, and numbers of thousands of digits
        raise ConfigError(label, (Problem("", f"the text is not valid TOML: {err}"),)) from err
    filling = _Filling(environ)
    filled = {key: filling.value(value, key) for key, value in tree.items()}
    return Source(label, filled, tuple(filling.problems), frozenset(filling.referenced))


def _quoted(found: re.Match[str]) -> str:
    """Make a reference outside of quotes a TOML string, on its own line as before; leave strings and comments."""
    if found[1] is not None:
        return found[1]
    return "'''${%s}'''" % (found[2] or found[3])


class _Filling:
    """Fills variables into the values of a parsed file."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        self.referenced: set[str] = set()
        self._environ = environ

    def value(self, value: object, path: str) -> object:
        """Return a TOML value with everything in it filled in."""
        if isinstance(value, str):
            return self._text(value, path)
        if isinstance(value, list):
            return [self.value(each, f"{path}[{index}]") for index, each in enumerate(value)]
        if isinstance(value, dict):
            return {key: self.value(each, f"{path}.{key}") for key, each in value.items()}
        return value

    def _text(self, text: str, path: str) -> str:
        unbraced = _UNBRACED.fullmatch(text)
        if unbraced is not None and unbraced[1] in self._environ:
            # Somebody may well rely on the variable, and a literal that looks like one can come from a variable.
            self.problems.append(Problem(path, f"is written $NAME; write ${{{unbraced[1]}}} to fill in that variable"))
            return ""
        whole = _WHOLE.fullmatch(text)
        filled = _REFERENCE.sub(lambda found: self._resolved(found, path), text)
        return filled if whole is None else FromVariable(filled)

    def _resolved(self, found: re.Match[str], path: str) -> str:
        if found[0] == "$${":
            return "${"
        name, otherwise = found[1], found[2]
        if name is None:
            self.problems.append(
                Problem(path, "has ${…} around something that is no name of a variable; write $${ for a literal ${")
            )
            return ""
        self.referenced.add(name)
        if otherwise is not None and not self._environ.get(name):
            return otherwise
        if name not in self._environ:
            fix = f"set it, write ${{{name}:-}} if it may be absent, or $${{ for a literal ${{"
            self.problems.append(Problem(path, f"refers to the variable {name}, which is not set; {fix}"))
            return ""
        if not is_text(self._environ[name]):
            self.problems.append(Problem(path, f"refers to the variable {name}, which is not UTF-8 text"))
            return ""
        return self._environ[name]
