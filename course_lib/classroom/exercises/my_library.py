"""The student's own library: a function that has passed its check is kept, with its source, in `my_rlhf.py`.

The file lies in the folder of the notebook. It is ordinary Python: to begin a function anew, delete it there.
"""

import ast
import builtins
import importlib
import inspect
import sys
import textwrap
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType

from filelock import FileLock, Timeout

from course_lib.classroom.exercises.statements import (
    CONSTANT,
    IMPORT,
    OTHER,
    PythonFile,
    Statement,
    imports_alone,
    names_used,
)
from course_lib.classroom.exercises.written import kind
from course_lib.training.files.errors import CourseError
from course_lib.training.files.write import write_text
from course_lib.training.own_equations import run_file, said

LIBRARY, LOCK = Path("my_rlhf.py"), Path(".my_rlhf.lock")
HEADER = '"""My own functions, each as it passed its check. To begin one anew, delete it here."""\n'
PATIENCE = 10.0  # seconds that another kernel has for its own function
NOTEBOOK = "__main__"  # the module that its cells are


@dataclass
class Piece:
    """What goes into the library under a name: an import, a constant or a function."""

    source: str
    kind: int


def written_in_notebook(thing: object) -> bool:
    """Tell whether a function comes from a cell, and not from a file."""
    return getattr(thing, "__module__", None) == NOTEBOOK and isinstance(inspect.unwrap(thing), FunctionType)


def keep(function: FunctionType, *, exercises: Collection[str] = ()) -> str:
    """Write a function of the notebook, with all that it needs, into `my_rlhf.py`; say so, or what stands in the way.

    `exercises`: names that are kept only by their own checks.
    """
    try:
        pieces: dict[str, Piece] = {}
        gather(function.__name__, function, pieces)
        with FileLock(LOCK, timeout=PATIENCE):
            write_pieces(pieces, function.__name__, exercises)
    except CourseError as error:
        return f"Not kept in {LIBRARY}. {error}"
    except Timeout:
        return f"Not kept in {LIBRARY}. Expected the file to be free, but another kernel writes to it; check again."
    except OSError as error:
        why = error.strerror or type(error).__name__
        return f"Not kept in {LIBRARY}. Expected a folder to write in, but it says {why!r}; move the notebook."
    return f"Kept in {LIBRARY}."


def gather(name: str, function: FunctionType, pieces: dict[str, Piece | None]) -> None:
    """Add a function behind the imports, constants and functions of the student's own that it uses."""
    source = source_of(name, function)
    namespace = vars(builtins) | inspect.unwrap(function).__globals__
    pieces[name] = None  # begun: two functions may call each other
    for used in names_used(source):
        if used in pieces:
            continue
        if used not in namespace:
            raise CourseError(f"Expected each name in {name} to mean something, but {used} does not; correct it.")
        value = namespace[used]
        if written_in_notebook(value):
            gather(used, value, pieces)
        elif is_kept(value):
            if used != value.__name__:
                pieces[used] = Piece(f"{used} = {value.__name__}", OTHER)
        elif not is_builtin(used, value):
            pieces[used] = import_or_constant(name, used, value)
    del pieces[name]
    pieces[name] = Piece(source, OTHER)


def is_builtin(name: str, value: object) -> bool:
    """Tell whether Python itself knows the name; IPython adds some that other programs lack."""
    ours = getattr(builtins, name, None) is value
    return ours and not str(getattr(value, "__module__", "")).startswith("IPython")


def is_kept(value: object) -> bool:
    """Tell whether a function was imported from the library."""
    return isinstance(value, FunctionType) and Path(value.__code__.co_filename).name == LIBRARY.name


def source_of(name: str, function: FunctionType) -> str:
    """The text of a function, comments included, as it stands in its cell.

    Raises:
        CourseError: it is no `def` under this name, its text cannot be found, or it needs the function around it.
    """
    written = inspect.unwrap(function)
    try:
        source = inspect.getsource(written).rstrip()
        source = textwrap.dedent(source) if source[:1].isspace() else source
        (statement,) = ast.parse(source).body
    except (OSError, TypeError, SyntaxError, ValueError):
        statement = None
    if not isinstance(statement, ast.FunctionDef) or statement.name != name:
        raise CourseError(f"Expected `def {name}(...):` in a cell, but {name} was made in another way; write it so.")
    if written.__code__.co_freevars:
        inside = ", ".join(written.__code__.co_freevars)
        raise CourseError(f"Expected {name} to stand alone, but it uses {inside} of a function around it; move it out.")
    return source


def import_or_constant(name: str, used: str, value: object) -> Piece:
    """What brings a name of the notebook into a file; CourseError for what belongs to the notebook alone."""
    if isinstance(value, ModuleType):
        return Piece(f"import {value.__name__}" + ("" if value.__name__ == used else f" as {used}"), IMPORT)
    constant = literal(value)
    if constant:
        return Piece(f"{used} = {constant}", CONSTANT)
    own = getattr(value, "__module__", None), getattr(value, "__name__", used)
    for module, inside in (("torch", used), ("torch.nn.functional", used), own):
        if module != NOTEBOOK and getattr(sys.modules.get(module), inside, None) is value:
            return Piece(f"from {module} import {inside}" + ("" if inside == used else f" as {used}"), IMPORT)
    raise CourseError(
        f"Expected nothing in {name} that only this notebook has, but it uses {used}, {kind(value)}; make it a "
        "parameter, or define it inside the function."
    )


def literal(value: object) -> str | None:
    """A number, a text, None or a tuple of these as Python writes it; None for anything else."""
    if type(value) is tuple:
        parts = [literal(part) for part in value]
        return None if None in parts else f"({', '.join(parts)}{',' * (len(parts) == 1)})"
    if type(value) is float and value - value != 0:
        return f'float("{value}")'
    return repr(value) if type(value) in (int, float, complex, bool, str, bytes, type(None)) else None


def write_pieces(pieces: dict[str, Piece], name: str, exercises: Collection[str]) -> None:
    """Put the pieces of the function `name` into the library, all or none of them.

    Raises:
        CourseError: the file as it is has a fault, or what it has under one of these names serves another function.
    """
    text = library_text()
    file = PythonFile(text)
    for part, piece in pieces.items():
        old = file.find(part)
        is_function = piece.kind == OTHER and not piece.source.startswith(f"{part} = ")
        own_exercise = is_function and part != name and part.removeprefix("my_") in exercises
        if own_exercise and not (old and says_the_same(old, piece)):
            raise CourseError(f"Expected {part} to be kept before {name}, but it is not; check it first, or rename it.")
        if old and says_the_same(old, piece):
            continue
        if old:
            refuse_if_shared(file, old, part, pieces, name)
        file.put(part, piece.source, piece.kind, before=name)
    if str(file) != text:
        require_runs(str(file), name)
        write_text(LIBRARY, str(file))
    sys.modules.pop(LIBRARY.stem, None)  # the next import brings what is now there
    importlib.invalidate_caches()


def library_text() -> str:
    """The library as it is, its heading where there is none; CourseError where it does not run."""
    if not LIBRARY.exists():
        return HEADER
    run_file(LIBRARY)
    try:
        return LIBRARY.read_text(encoding="utf-8-sig") or HEADER
    except UnicodeDecodeError:
        raise CourseError(f"Expected {LIBRARY} in UTF-8, but it is not; save it so, or move it away.") from None


def says_the_same(old: Statement, piece: Piece) -> bool:
    """Tell whether the file has a piece already; an import may share its line with others."""
    return piece.source == old.source or (piece.kind == IMPORT and piece.source in imports_alone(old.source))


def refuse_if_shared(file: PythonFile, old: Statement, part: str, pieces: dict[str, Piece], name: str) -> None:
    """Raise CourseError where other functions of the file, or other names, hang on a statement to be replaced."""
    if old.names != {part}:
        raise CourseError(f"Expected {part} alone in its statement in {LIBRARY}, but others share it; take them apart.")
    others = [other for other in file.statements if other.kind == OTHER and not other.names & pieces.keys()]
    users = [", ".join(other.names) for other in others if part in names_used(other.source)]
    if part != name and users:
        raise CourseError(
            f"Expected {part} to be what it is in {LIBRARY}, where {', '.join(users)} uses it, but here it is another; "
            "give it another name."
        )


def require_runs(text: str, name: str) -> None:
    """Raise CourseError unless the library can be imported as it is going to be."""
    try:
        exec(compile(text, str(LIBRARY), "exec"), {"__name__": LIBRARY.stem})
    except (Exception, SystemExit) as error:
        raise CourseError(f"Expected {name} to run from a file, but it stops with {said(error)}; mend it.") from None
