"""Whether a function that passes is the student's own, or the library's: called, or copied word for word.

And whether the code around it uses what nobody needs who computes, but who reaches into the process that runs it.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable

from course_lib.publish.results.sources import without_docstrings

LONG = 5  # statements from which nobody writes the same word for word by chance
MODULES = {
    "builtins",
    "ctypes",
    "gc",
    "importlib",
    "inspect",
    "os",
    "signal",
    "socket",
    "subprocess",
    "sys",
    "threading",
}
REACHING = MODULES | {"types", "__import__", "eval", "exec", "globals", "setattr", "vars", "course_lib.publish"}
PLAIN = {"__class__", "__doc__", "__init__", "__len__", "__name__", "__version__"}
DUNDER, SETS = "names in double underscores", "other names for what it imports"
CALLED, COPIED = "it calls the library's own function", "it is word for word the library's"


def is_copied(source: str, reference: Callable) -> bool:
    """Tell whether a function's text is that of ours, but for its name, annotations, docstring, comments and spaces."""
    theirs, ours = (body(text) for text in (source, textwrap.dedent(inspect.getsource(inspect.unwrap(reference)))))
    return theirs == ours and statements(source) >= LONG


def body(source: str) -> str:
    """What a function does, without what it is called and how it is typed."""
    tree = without_docstrings(ast.parse(source))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.name, node.returns, node.decorator_list = "", None, []
        if isinstance(node, ast.arg):
            node.annotation = None
    return ast.unparse(tree)


def statements(source: str) -> int:
    """How many statements a function has, nested ones included."""
    (function,) = without_docstrings(ast.parse(source)).body
    return sum(isinstance(node, ast.stmt) for node in ast.walk(function)) - 1


def reaches_for(text: str) -> list[str]:
    """What a text uses of the modules and names by which a process, or the course, can be changed from within."""
    nodes = list(ast.walk(ast.parse(text)))
    imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {(each.asname or each.name).partition(".")[0] for node in imports for each in node.names}
    return sorted({used for node in nodes for used in uses(node, names) if used in REACHING | {DUNDER, SETS}})


def uses(node: ast.AST, imported: set[str]) -> list[str]:
    """The names that a piece of code uses, of the modules that it imports the first parts."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names]
        return [".".join(module.split(".")[:many]) for module in modules for many in (1, 2)]
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute) and node.attr.startswith("__") and node.attr not in PLAIN:
        return [DUNDER]
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and root(node) in imported:
        return [SETS]
    return []


def root(node: ast.AST) -> str:
    """The name that an attribute is of, as `torch` for `torch.Tensor.sum`; empty where it is of no name."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return getattr(node, "id", "")
