"""A Python file as its statements, each with the lines before it: one can be replaced and all else stays as it was."""

import ast
import symtable
from collections.abc import Iterator
from dataclasses import dataclass

DOCSTRING, IMPORT, CONSTANT, OTHER = range(4)  # the order in which they stand in a file


@dataclass
class Statement:
    """A statement's lines, the blank lines and comments before it, its kind, and the names that it binds."""

    before: list[str]
    lines: list[str]
    kind: int
    names: set[str]

    @property
    def source(self) -> str:
        """The statement as it is written."""
        return "\n".join(self.lines)


class PythonFile:
    """The statements of a Python text, and the lines after the last."""

    def __init__(self, text: str):
        lines, last = text.split("\n"), 0
        self.statements: list[Statement] = []
        for node in ast.parse(text).body:
            first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
            if first <= last:  # two in one line stay together
                self.statements[-1].lines += lines[last : node.end_lineno]
                self.statements[-1].names |= bound(node)
            else:
                before, own = lines[last : first - 1], lines[first - 1 : node.end_lineno]
                self.statements.append(Statement(before, own, kind_of(node), bound(node)))
            last = node.end_lineno
        self.end = lines[last:]

    def __str__(self) -> str:
        """The text."""
        lines = [line for statement in self.statements for line in [*statement.before, *statement.lines]]
        return "\n".join(lines + self.end)

    def find(self, name: str) -> Statement | None:
        """The last statement that binds a name."""
        return next((statement for statement in reversed(self.statements) if name in statement.names), None)

    def put(self, name: str, source: str, kind: int, *, before: str) -> None:
        """Set a statement in the place of the one that binds this name; where none does, among those of its kind.

        A new function comes to stand before the one called `before`, or at the end.
        """
        old, lines = self.find(name), source.split("\n")
        if old:
            old.lines, old.kind = lines, kind
            return
        at = self.place_for(kind, before=before)
        beside = at == 0 or (kind != OTHER and self.statements[at - 1].kind == kind)
        gap = [] if beside else ["", ""] if kind == OTHER else [""]
        if at == len(self.statements):
            while self.end and not self.end[-1].strip():
                self.end.pop()
            gap, self.end = self.end + gap, [""]
        elif at == 0:
            self.statements[0].before = ["", "", *self.statements[0].before]
        self.statements.insert(at, Statement(gap, lines, kind, {name}))

    def place_for(self, kind: int, *, before: str) -> int:
        """Where a new statement of this kind goes."""
        target = self.find(before)
        if kind == OTHER:
            return self.statements.index(target) if target else len(self.statements)
        return [*(statement.kind <= kind for statement in self.statements), False].index(False)


def kind_of(node: ast.stmt) -> int:
    """The kind of a statement."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return IMPORT
    if isinstance(node, ast.Assign | ast.AnnAssign):
        return CONSTANT
    return DOCSTRING if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) else OTHER


def bound(node: ast.stmt) -> set[str]:
    """The names that a statement defines, assigns or imports."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    inside = list(ast.walk(node))
    imports = [alias for part in inside if isinstance(part, ast.Import | ast.ImportFrom) for alias in part.names]
    assigned = {part.id for part in inside if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    return assigned | {alias.asname or alias.name.split(".")[0] for alias in imports}


def imports_alone(source: str) -> list[str]:
    """The imports of a statement, one name each."""
    alone = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            alone += [ast.Import([alias]) for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            alone += [ast.ImportFrom(node.module, [alias], node.level) for alias in node.names]
    return [ast.unparse(node) for node in alone]


def names_used(source: str) -> list[str]:
    """The names that a function looks up outside itself, in its decorators, defaults and annotations too."""

    def of(table: symtable.SymbolTable) -> Iterator[str]:
        outermost = table.get_type() == "module"
        for symbol in table.get_symbols():
            if symbol.is_referenced() if outermost else symbol.is_global():
                yield symbol.get_name()
        for child in table.get_children():
            yield from of(child)

    return sorted(set(of(symtable.symtable(source, "function", "exec"))))
