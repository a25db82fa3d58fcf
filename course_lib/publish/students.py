"""A notebook as students are given it: without solutions and answers, which its predictions tell once one is chosen."""

import re
from collections.abc import Iterable
from copy import deepcopy

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from course_lib.classroom.predictions import Question
from course_lib.publish.copies import fresh
from course_lib.publish.roles import answers, predictions, question, role
from course_lib.publish.stored import canonical
from course_lib.training.files.errors import CourseError

FOLD = re.compile(r"<details><summary>(.*?)</summary>\n\n(.*?)\n\n</details>", re.DOTALL)


def students_edition(notebook: NotebookNode) -> NotebookNode:
    """Take away outputs, notes, solutions and answers, and let a quiz be asked as a prediction is."""
    notebook, cells = fresh(deepcopy(notebook)), []
    for cell in notebook.cells:
        if role(cell) == "quiz":
            cells += [asking("predict", "prediction", cell.id), asking("reveal", "reveal", cell.id)]
        elif role(cell) not in ("answer", "solution"):
            cells.append(cell)
    notebook.cells = cells
    return canonical(notebook)


def asking(function: str, role: str, name: str) -> NotebookNode:
    """The cell that asks a question of a quiz, under its name, or tells how it was answered."""
    source = f'from course_lib.classroom.widgets.predict import {function}\n\n{function}("{name}")'
    cell_id = name if role == "prediction" else f"{name}-{role}"
    return new_code_cell(source, id=cell_id, metadata={"course": {"role": role}})


def questions(notebooks: Iterable[NotebookNode]) -> dict[str, dict]:
    """Return all that the notebooks ask, as predictions.toml has it, with the reasons that they fold."""
    found = {}
    for notebook in notebooks:
        cells = {cell.id: cell for cell in notebook.cells}
        for name, answer in answers(notebook).items():
            found[name] = entry(predictions(notebook)[name], why(cells[answer]))
        for cell in notebook.cells:
            if role(cell) == "quiz":
                begins = cell.source.split("**")[1]  # its number, as in **1.**
                found[cell.id] = entry(question(cell), why(cell)) | {"begins": begins}
    return found


def entry(asked: Question, why: str) -> dict:
    """A question as predictions.toml has it, and the reason."""
    return {"asks": asked.asked, "options": list(asked.options.values()), "right": asked.right, "why": why}


def why(cell: NotebookNode) -> str:
    """Return what a cell folds, unfolded, with the targets of its links. CourseError where it folds nothing."""
    folds = FOLD.findall(cell.source)
    if not folds:
        raise CourseError(f"Expected the cell {cell.id!r} to fold an answer, but it folds nothing; write one.")
    texts = [f"**{summary}** {text}" if role(cell) == "quiz" else text for summary, text in folds]
    links = cell.source.rpartition("</details>")[2].strip()
    return "\n\n".join(filter(None, [*texts, links]))
