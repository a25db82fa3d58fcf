"""The predictions of a notebook: a question with options, whose right one the folded answer names."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from nbformat import NotebookNode

from course_lib.training.files.errors import CourseError

ASKS = "**Predict.**"
OPTION = re.compile(r"\(([a-z])\)\s+")
ANSWER = re.compile(r"</summary>\s*\(([a-z])\)")

# a fold for each option of a quiz: it begins with Yes or No
FOLD = re.compile(r"<details>(?=<summary>\([a-z]\)[^<]*</summary>\s*<p>(Yes|No)\b)")


@dataclass(frozen=True)
class Prediction:
    """What stands before the question, the question, its options by letter, the right letter, and the answer's cell."""

    idea: str
    question: str
    options: dict[str, str]
    right: str
    answer_id: str


def read_predictions(notebook: NotebookNode) -> dict[str, Prediction]:
    """Return the predictions by the ids of their cells; a question without options is none.

    CourseError where the answer that follows names none of the options.
    """
    texts = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    asking = [place for place, cell in enumerate(texts) if ASKS in cell.source]
    found = {texts[place].id: read_prediction(texts[place:end]) for place, end in pairwise([*asking, len(texts)])}
    return {cell_id: prediction for cell_id, prediction in found.items() if prediction.options}


def read_prediction(texts: Sequence[NotebookNode]) -> Prediction:
    """Read the cell that asks, the first, and the answer in one of those after it."""
    idea, _, asked = texts[0].source.partition(ASKS)
    question, *pieces = OPTION.split(asked)
    options = {letter: tidy(text) for letter, text in zip(pieces[::2], pieces[1::2], strict=True)}
    answers = ((cell.id, found[1]) for cell in texts[1:] if (found := ANSWER.search(cell.source)))
    answer_id, right = next(answers, ("", ""))
    if options and right not in options:
        raise CourseError(
            f"Expected an answer that begins with one of {', '.join(options)} in parentheses after the cell "
            f"{texts[0].id!r}, but got {right or 'none'}; write it there."
        )
    return Prediction(idea.strip(), unfinished(tidy(question, "-·")), options, right, answer_id)


def tidy(text: str, ends: str = ".,;-·") -> str:
    """Take away what separates one option from the next."""
    return " ".join(text.split()).rstrip(f"{ends} ")


def unfinished(question: str) -> str:
    """Show by three dots that the options go on with the sentence."""
    return f"{question} …" if question[-1:].isalnum() else question


def mark_folds(html: str) -> str:
    """Give the folds of a quiz a class, `yes` or `no`, so that the right option can look like one."""
    return FOLD.sub(lambda fold: f'<details class="option {fold[1].lower()}">', html)
