"""Which cells of a notebook are slides, where nobody has marked them yet.

`python -m course_lib.publish.marks 04` writes these marks into the notebook, to be changed in JupyterLab.
"""

import argparse
import re
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_lib.publish.notebooks import FOLDER, find, to_json
from course_lib.publish.plan import heading_of
from course_lib.training.files.errors import CourseError

EXERCISE = re.compile(r"^### Exercise \d+", re.MULTILINE)
ALONE = ("Go deeper", "Exercises")  # how the titles of sections for working alone begin
EXERCISE_CELLS = 4  # task, stub, check, solution
HIDDEN_CODE = "hide-input"
PICTURES = ("image/png", "text/html")


def is_marked(notebook: NotebookNode) -> bool:
    """Tell whether any cell is marked."""
    return any("slideshow" in cell.metadata for cell in notebook.cells)


def marked(notebook: NotebookNode) -> NotebookNode:
    """Return the notebook with its marks; where it has none, each heading begins a slide, each other cell a subslide.

    Left out are exercises, cells that show nothing, and sections for working alone.
    """
    if is_marked(notebook):
        return notebook
    presented, of_exercise = True, 0
    for cell in notebook.cells:
        heading = heading_of(cell)
        if heading:
            presented = not heading["title"].startswith(ALONE)
        of_exercise = EXERCISE_CELLS if EXERCISE.search(cell.source) else max(of_exercise - 1, 0)
        skipped = not presented or of_exercise or not shows(cell)
        cell.metadata["slideshow"] = {"slide_type": "skip" if skipped else "slide" if heading else "subslide"}
        if not skipped and has_picture(cell):
            cell.metadata["tags"] = sorted({*cell.metadata.get("tags", []), HIDDEN_CODE})
    return notebook


def shows(cell: NotebookNode) -> bool:
    """Tell whether there is something to see: text, or what code has put out."""
    return cell.cell_type == "markdown" or bool(cell.outputs)


def has_picture(cell: NotebookNode) -> bool:
    """Tell whether the output of a cell is the point, not its code."""
    return any(kind in output.get("data", {}) for output in cell.get("outputs", []) for kind in PICTURES)


def main(arguments: list[str] | None = None) -> int:
    """Mark the notebooks that are named; what cannot be done becomes one sentence and exit code 2."""
    parser = argparse.ArgumentParser(prog="python -m course_lib.publish.marks", description=__doc__)
    parser.add_argument("names", nargs="+", metavar="NAME", help="the start of a notebook's name, such as 04")
    try:
        for path in find(parser.parse_args(arguments).names, FOLDER):
            mark_file(path)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def mark_file(path: Path) -> None:
    """Mark a notebook's file. CourseError where it has marks, which are then left as they are."""
    notebook = nbformat.read(path, as_version=4)
    if is_marked(notebook):
        raise CourseError(
            f"Expected a notebook without slide marks, but {path.name} has some; change them in JupyterLab."
        )
    path.write_text(to_json(marked(notebook)), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    sys.exit(main())
