"""The code that a student handed in: `my_rlhf.py` as it is, and of notebooks what defines something."""

import ast
import json
from contextlib import suppress
from dataclasses import dataclass

from course_lib.publish.results.handed_in import LIBRARY_FILE, HandedIn
from course_lib.training.files.errors import CourseError

MOST_CODE = 300_000  # characters; what all exercises need is a tenth
DEFINES = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


@dataclass(frozen=True)
class Source:
    """A Python text and the file that it is from."""

    file: str
    text: str


def sources(handed: HandedIn) -> list[Source]:
    """The student's code, the most trusted first; what cannot be read is told in `handed`."""
    found = []
    if LIBRARY_FILE in handed.files:
        add(found, handed, LIBRARY_FILE, parsed)
    for name in handed.notebooks:
        add(found, handed, name, code_of_notebook)
    return found


def add(found: list[Source], handed: HandedIn, file: str, read) -> None:
    """Add a file's code, or say what is wrong with the file."""
    try:
        found.append(Source(file, read(handed.files[file], file)))
    except CourseError as error:
        handed.told.append(str(error))


def parsed(text: str, file: str) -> str:
    """The text itself. CourseError where it is no Python, or much more than anybody writes."""
    bounded(len(text), file)
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f" in line {error.lineno}" if getattr(error, "lineno", None) else ""
        why = getattr(error, "msg", None) or type(error).__name__
        raise CourseError(f"{file} is no Python{line}: {why}.") from None
    return text


def bounded(length: int, file: str) -> None:
    """CourseError where there is more code than is looked at: to read it takes many times its memory."""
    if length > MOST_CODE:
        raise CourseError(f"{file} has {length:,} characters of code and is left out: the most is {MOST_CODE:,}.")


def code_of_notebook(text: str, file: str) -> str:
    """The imports, functions, classes and constants of a notebook's cells; what else they do is left out.

    Raises:
        CourseError: it is no notebook of today's format.
    """
    try:
        cells = json.loads(text)["cells"]
        codes = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise CourseError(f"{file} is no notebook of format 4.") from None
    bounded(sum(map(len, codes)), file)
    return "\n\n\n".join(part for code in codes for part in definitions(code))


def definitions(code: str) -> list[str]:
    """The statements of a cell that define something; none where the cell is no Python, but for IPython's own lines."""
    lines = ["" if line.lstrip()[:1] in ("%", "!", "?") else line for line in code.splitlines()]
    try:
        statements = ast.parse("\n".join(lines)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    kept = [node for node in statements if isinstance(node, DEFINES) or is_constant(node)]
    firsts = [min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))]) for node in kept]
    return ["\n".join(lines[first - 1 : node.end_lineno]) for first, node in zip(firsts, kept, strict=True)]


def is_constant(node: ast.stmt) -> bool:
    """Whether a statement gives names to numbers, texts or tuples of these."""
    if not isinstance(node, ast.Assign):
        return False
    try:
        ast.literal_eval(node.value)
    except (ValueError, TypeError, RecursionError, MemoryError):
        return False
    return True


def function_source(sources: list[Source], name: str, file: str) -> str:
    """A function as it stands in a file, without comments and docstrings, where a student's name may stand.

    Empty where it stands nowhere, or is nested too deeply to be written out.
    """
    for source in sources:
        if source.file == file:
            nodes = [node for node in ast.parse(source.text).body if getattr(node, "name", None) == name]
            with suppress(RecursionError):
                return ast.unparse(without_docstrings(nodes[-1])) if nodes else ""
    return ""


def without_docstrings(tree: ast.AST) -> ast.AST:
    """Take the docstrings out of functions and classes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = node.body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:] or [ast.Pass()]
    return tree
