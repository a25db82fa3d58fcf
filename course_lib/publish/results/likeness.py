"""Whether a function that passes is the student's own, or the library's: called, or copied word for word."""

import ast
import inspect
import textwrap
from collections.abc import Callable

from course_lib.publish.results.sources import without_docstrings

LONG = 5  # statements from which nobody writes the same word for word by chance
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
