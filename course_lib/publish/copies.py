"""The student's copies of the notebooks: laid out without outputs, and never written over once they were changed."""

from collections.abc import Iterator
from hashlib import sha256
from itertools import count
from pathlib import Path

from nbformat import NotebookNode

from course_lib.publish.stored import FOLDER, find, read, to_json
from course_lib.training.files import strict_json
from course_lib.training.files.errors import CourseError
from course_lib.training.files.write import write_bytes, write_json

COPIES = FOLDER.parent / "my_notebooks"
GIVEN = ".given.json"  # the SHA-256 of each copy as it was laid out, by which a changed one is told


def lay_out(folder: Path = COPIES, *, course: Path = FOLDER) -> list[str]:
    """Give the student each notebook of the course as it is now; return what there is to say, in sentences."""
    folder.mkdir(parents=True, exist_ok=True)
    told = []
    try:
        given = read_given(folder / GIVEN)
    except CourseError as error:
        given, told = {}, [str(error)]
    for path in find([], course):
        laid = give(to_json(fresh(read(path))).encode(), folder / path.name, given)
        if laid:
            told.append(
                f"{path.name} has changed in the course: yours is as you left it, and the new one is {laid.name}."
            )
    write_json(folder / GIVEN, given)
    return told


def fresh(notebook: NotebookNode) -> NotebookNode:
    """Take away the outputs and what is for the presenter alone, and return the notebook."""
    for cell in notebook.cells:
        for name in ("notes", "slideshow"):
            cell.metadata.pop(name, None)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def give(content: bytes, copy: Path, given: dict[str, str]) -> Path | None:
    """Write a notebook to `copy`; where the student changed that and never got this version, beside it.

    Notes the version in `given`, and returns the path beside `copy` where it was written to one.
    """
    version = sha256(content).hexdigest()
    if copy.exists() and digest(copy) not in (version, given.get(copy.name)):
        if version in [laid for name, laid in given.items() if name.partition(".")[0] == copy.stem]:
            return None
        path = next(path for path in beside(copy) if not path.exists() or digest(path) == given.get(path.name))
    else:
        path = copy
    if not path.exists() or digest(path) != version:
        write_bytes(path, content)
    given[path.name] = version
    return path if path != copy else None


def beside(copy: Path) -> Iterator[Path]:
    """Give the names for a new version: 02_clipped_ppo.new.ipynb, 02_clipped_ppo.new2.ipynb and so on."""
    return (copy.with_suffix(f".new{number if number > 1 else ''}.ipynb") for number in count(1))


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return sha256(path.read_bytes()).hexdigest()


def read_given(path: Path) -> dict[str, str]:
    """Read which versions were laid out; none where there is no file yet. CourseError where it is damaged."""
    if not path.exists():
        return {}
    try:
        given = strict_json.parse(path.read_text(encoding="utf-8"))
    except ValueError:
        given = None
    if isinstance(given, dict) and all(isinstance(version, str) for version in given.values()):
        return given
    raise CourseError(
        f"Expected {path} to say which notebooks were copied, but it is damaged; every notebook that differs from the "
        "course's is taken for your work and kept, so there is nothing to do."
    )
