"""Marks a notebook's cells as slides, for a notebook that has no marks: `python -m course_lib.classroom.publish.marks 04`.

Marks stand in the cells' metadata, where JupyterLab's property inspector shows them; change them there as you like.
"""

import argparse
import re
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_lib.classroom.notebooks import FOLDER, find, to_json
from course_lib.training.errors import CourseError

HEADING = re.compile(r"^##? (?P<title>.+)$", re.MULTILINE)
EXERCISE = re.compile(r"^### Exercise \d+", re.MULTILINE)
MINUTES = re.compile(r"\(\d+ min\)$")
EXERCISE_CELLS = 4  # task, stub, check, solution
HIDDEN_CODE = "hide-input"
PICTURES = ("image/png", "text/html")


def is_marked(notebook: NotebookNode) -> bool:
    """Tell whether a cell is marked as a slide."""
    return any("slideshow" in cell.metadata for cell in notebook.cells)


def mark(notebook: NotebookNode) -> None:
    """Mark the cells: a slide for each heading, a subslide for each further cell that shows something.

    Exercises are skipped, and so are sections without minutes where others have theirs.
    """
    timed = any(MINUTES.search(title) for cell in notebook.cells for title in HEADING.findall(cell.source))
    presented, exercise_left = True, 0
    for cell in notebook.cells:
        heading = HEADING.search(cell.source) if cell.cell_type == "markdown" else None
        if heading:
            presented = not timed or bool(MINUTES.search(heading["title"]))
        if EXERCISE.search(cell.source):
            exercise_left = EXERCISE_CELLS
        shown = presented and not exercise_left and shows(cell)
        cell.metadata["slideshow"] = {"slide_type": ("slide" if heading else "subslide") if shown else "skip"}
        exercise_left = max(exercise_left - 1, 0)
        if shown and has_picture(cell):
            cell.metadata["tags"] = sorted({*cell.metadata.get("tags", []), HIDDEN_CODE})


def shows(cell: NotebookNode) -> bool:
    """Tell whether there is something to see: text, or what code has put out."""
    return cell.cell_type == "markdown" or bool(cell.outputs)


def has_picture(cell: NotebookNode) -> bool:
    """Tell whether the output of a cell is the point, not its code."""
    return any(kind in output.get("data", {}) for output in cell.get("outputs", []) for kind in PICTURES)


def main(arguments: list[str] | None = None) -> int:
    """Mark the notebooks that are named and have no marks; what cannot be done becomes one sentence and exit code 2."""
    parser = argparse.ArgumentParser(prog="python -m course_lib.classroom.publish.marks", description=__doc__)
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
    mark(notebook)
    path.write_text(to_json(notebook), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    sys.exit(main())
