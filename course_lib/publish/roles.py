"""What each cell of a notebook is, as its metadata say under "course"; CONTRIBUTING.md lists what may stand there."""

from dataclasses import dataclass
from string import ascii_lowercase

from nbformat import NotebookNode

from course_lib.classroom.predictions import Question, prediction
from course_lib.training.files.errors import CourseError

PARTS = ("task", "stub", "check", "solution")  # of an exercise, in their order
DEEPER = "Go deeper: "


@dataclass(frozen=True)
class Heading:
    """The heading with which a cell begins: 1 for the title, 2 for a section's; and whether it is for working alone."""

    level: int
    title: str
    length: str
    minutes: int
    deeper: bool


def course(cell: NotebookNode) -> NotebookNode:
    """Return what a cell's metadata say for the course."""
    return cell.metadata.get("course", NotebookNode())


def role(cell: NotebookNode) -> str:
    """Return a cell's role: "prediction", "reveal", "answer", "quiz", one of PARTS, or "" where it has none."""
    return course(cell).get("role", "")


def heading(cell: NotebookNode) -> Heading | None:
    """Return the heading with which a cell begins; its minutes are those of the metadata."""
    marks, _, words = cell.source.partition("\n")[0].partition(" ")
    if cell.cell_type != "markdown" or marks not in ("#", "##"):
        return None
    minutes = course(cell).get("minutes", 0)
    length = f"{'lab, about ' if course(cell).get('lab') else ''}{minutes} min" if minutes else ""
    return Heading(len(marks), words.removesuffix(f" ({length})"), length, minutes, course(cell).get("deeper", False))


def marked(cell: NotebookNode) -> list[int]:
    """Return the lines of a cell's code, the first being 1, that matter most when it is presented."""
    return course(cell).get("mark", [])


def question(cell: NotebookNode) -> Question:
    """Return what a quiz asks. CourseError where its metadata lack something."""
    said = course(cell)
    options = dict(zip(ascii_lowercase, said.get("options", []), strict=False))
    if len(options) < 2 or said.get("answer") not in options or not said.get("question"):
        raise CourseError(
            f"Expected the metadata of the cell {cell.id!r} to have a question, its options and the right letter, "
            f"but they have {dict(said)}; write what is missing (CONTRIBUTING.md shows how)."
        )
    return Question(said.question, options, said.answer)


def answers(notebook: NotebookNode) -> dict[str, str]:
    """Return the ids of the answers' cells by those of the predictions. CourseError where a prediction has none."""
    found = {course(cell).get("of"): cell.id for cell in notebook.cells if role(cell) == "answer"}
    asking = [cell.id for cell in notebook.cells if role(cell) == "prediction"]
    for name in asking:
        if name not in found:
            raise CourseError(
                f"Expected a cell with the answer to the prediction {name!r}, but none has it; "
                f'give that cell the metadata "course": {{"role": "answer", "of": "{name}"}}.'
            )
    return {name: found[name] for name in asking}


def predictions(notebook: NotebookNode) -> dict[str, Question]:
    """Return the predictions by the ids of their cells. CourseError where predictions.toml has none of that name."""
    return {cell.id: prediction(cell.id) for cell in notebook.cells if role(cell) == "prediction"}


def exercises(notebook: NotebookNode) -> dict[str, dict[str, NotebookNode]]:
    """Return the parts of each exercise by its name."""
    found = {}
    for cell in notebook.cells:
        if role(cell) in PARTS:
            found.setdefault(course(cell).exercise, {})[role(cell)] = cell
    return found


def unfolded(text: str, cell: NotebookNode) -> str:
    """Unfold the answer to a prediction, which has a slide of its own; what other cells fold stays so."""
    return text.replace("<details>", "<details open>") if role(cell) == "answer" else text
