"""What the course asks, notebook by notebook: predictions, and its quiz, which a handout asks in the same way."""

from functools import cache

from course_lib.classroom.predictions import Question
from course_lib.publish.roles import heading, predictions, question, role
from course_lib.publish.stored import find, read


@cache
def course_notebooks() -> dict[str, tuple[str, dict[str, Question]]]:
    """The title of each notebook, and what it asks, by its number."""
    found = {}
    for path in find([]):
        notebook = read(path)
        quiz = {cell.id: question(cell) for cell in notebook.cells if role(cell) == "quiz"}
        found[path.name[:2]] = heading(notebook.cells[0]).title, predictions(notebook) | quiz
    return found


@cache
def questions() -> dict[str, Question]:
    """All that the course asks, by name."""
    return {name: asked for _, every in course_notebooks().values() for name, asked in every.items()}
