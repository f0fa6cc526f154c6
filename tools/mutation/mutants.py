"""Where faults can be planted, and the text of a file with one in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.mutation.conditions import SQL_OPERATORS, sql_places

__all__ = ["Mutant", "find_mutants"]

OPERATORS = (
    "core/AddNot",
    "core/NumberReplacer",
    "core/ReplaceAndWithOr",
    "core/ReplaceOrWithAnd",
    "core/ReplaceTrueWithFalse",
    "core/ReplaceFalseWithTrue",
    "core/ReplaceBreakWithContinue",
    "core/ReplaceContinueWithBreak",
    "core/ReplaceUnaryOperator_Delete_Not",
    "core/ReplaceUnaryOperator_USub_UAdd",
    "core/ReplaceComparisonOperator_Eq_NotEq",
    "core/ReplaceComparisonOperator_NotEq_Eq",
    "core/ReplaceComparisonOperator_Is_IsNot",
    "core/ReplaceComparisonOperator_IsNot_Is",
    "core/ReplaceComparisonOperator_Lt_LtE",
    "core/ReplaceComparisonOperator_LtE_Lt",
    "core/ReplaceComparisonOperator_Gt_GtE",
    "core/ReplaceComparisonOperator_GtE_Gt",
    "core/ReplaceBinaryOperator_Add_Sub",
    "core/ReplaceBinaryOperator_Sub_Add",
    "core/ReplaceBinaryOperator_Mul_FloorDiv",
    "core/ReplaceBinaryOperator_FloorDiv_Mul",
    "core/ReplaceBinaryOperator_BitOr_BitAnd",
    "core/ReplaceBinaryOperator_BitAnd_BitOr",
)
DROP_STATEMENT = "drop statement"
SPEAKING = re.compile(r"^\s*(?:await )?(?:self\.)?_log\.")
"""Log lines: what they say is for people, and no test should pin it."""


@dataclass(frozen=True, slots=True, order=True)
class Mutant:
    """One fault. Nothing but the name of a place until it is planted."""

    path: str
    """Relative to the tree."""
    line: int
    operator: str
    occurrence: int
    """Which of the places in the file that the operator applies to, from 0."""

    def plant(self, source: str) -> str:
        """Return the text of the file with the fault in it."""
        if self.operator in SQL_OPERATORS:
            start, end, instead = sql_places(source, self.operator)[self.occurrence]
            return source[:start] + instead + source[end:]
        if self.operator == DROP_STATEMENT:
            return _without(source, _droppable(source)[self.occurrence])
        from cosmic_ray.mutating import mutate_code  # noqa: PLC0415 - only `make mutants` installs it
        from cosmic_ray.plugins import get_operator  # noqa: PLC0415 - the same

        planted = mutate_code(source, get_operator(self.operator)(), self.occurrence)
        if planted is None:
            raise ValueError(f"{self} names no place in the file")
        return str(planted)


def find_mutants(tree: Path, folders: list[str]) -> list[Mutant]:
    """Return every fault that could be planted in Python and SQL files of the folders, in a fixed order."""
    found: list[Mutant] = []
    for folder in folders:
        for file in sorted((tree / folder).rglob("*")):
            path = file.relative_to(tree).as_posix()
            if file.suffix == ".py":
                found += _in_python(path, file.read_text(encoding="utf-8"))
            elif file.suffix == ".sql":
                found += _in_sql(path, file.read_text(encoding="utf-8"))
    return sorted(found)


def _in_python(path: str, source: str) -> Iterator[Mutant]:
    from cosmic_ray.ast import ast_nodes, get_ast  # noqa: PLC0415 - only `make mutants` installs it
    from cosmic_ray.plugins import get_operator  # noqa: PLC0415 - the same

    silent = _never_evaluated(source)
    spoken = {n for n, line in enumerate(source.splitlines(), 1) if SPEAKING.match(line)}
    nodes = list(ast_nodes(get_ast(source)))
    for name in OPERATORS:
        operator, occurrence = get_operator(name)(), 0
        for node in nodes:
            for start, _ in operator.mutation_positions(node):
                if start not in silent and start[0] not in spoken:
                    yield Mutant(path, start[0], name, occurrence)
                occurrence += 1
    for occurrence, statement in enumerate(_droppable(source)):
        if statement.lineno not in spoken:
            yield Mutant(path, statement.lineno, DROP_STATEMENT, occurrence)


def _in_sql(path: str, source: str) -> Iterator[Mutant]:
    for operator in SQL_OPERATORS:
        for occurrence, (start, _, _) in enumerate(sql_places(source, operator)):
            yield Mutant(path, source.count("\n", 0, start) + 1, operator, occurrence)


def _droppable(source: str) -> list[ast.stmt]:
    """Return calls, raises, deletions and assignments to attributes or members that stand alone as a statement."""
    return [
        node
        for node in ast.walk(ast.parse(source))
        if (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Await))
        or isinstance(node, ast.Raise | ast.Delete | ast.AugAssign)
        or (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute | ast.Subscript))
    ]


def _without(source: str, statement: ast.stmt) -> str:
    lines = source.splitlines(keepends=True)
    first, last = statement.lineno - 1, (statement.end_lineno or statement.lineno) - 1
    head = lines[first].encode()[: statement.col_offset].decode()
    tail = lines[last].encode()[statement.end_col_offset or 0 :].decode()
    return "".join([*lines[:first], head + "pass" + tail, *lines[last + 1 :]])


def _never_evaluated(source: str) -> set[tuple[int, int]]:
    """Return the places inside of annotations, which stay text at run time, of type aliases and of decorators.

    What a decorator of a dataclass says guards its readers, not its callers.
    """
    places: set[tuple[int, int]] = set()
    for node in ast.walk(ast.parse(source)):
        for decorator in getattr(node, "decorator_list", ()):
            for part in ast.walk(decorator):
                if isinstance(part, ast.Constant):
                    places.add((part.lineno, part.col_offset))
        annotations = [getattr(node, name, None) for name in ("annotation", "returns")]
        if isinstance(node, ast.AnnAssign) and "TypeAlias" in ast.dump(node.annotation):
            annotations.append(node.value)
        for each in annotations:
            for part in ast.walk(each) if isinstance(each, ast.AST) else ():
                if isinstance(part, ast.BinOp):
                    places |= _between(part)
    return places


def _between(operation: ast.BinOp) -> set[tuple[int, int]]:
    """Return every place between the operands: one of them is where the operator stands."""
    left, right = operation.left, operation.right
    if left.end_lineno != right.lineno:
        return {(line, column) for line in range(left.end_lineno or 0, right.lineno + 1) for column in range(200)}
    return {(right.lineno, column) for column in range(left.end_col_offset or 0, right.col_offset)}
