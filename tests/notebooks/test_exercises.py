"""The exercises of the notebooks: a stub, a check, a solution; the check answers each as it should."""

import contextlib
import io
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from nbformat import NotebookNode
from shared.notebooks import NOTEBOOKS, code_cells

from course_lib.publish.roles import PARTS, exercises
from course_lib.publish.stored import read

TITLE = re.compile(r"### Exercise (\d+): (.+)")
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


@dataclass
class Exercise:
    """The cells of one exercise, in the order in which a student meets them."""

    path: Path
    task: NotebookNode
    stub: NotebookNode
    check: NotebookNode
    solution: NotebookNode


FOUND = [
    Exercise(path, *(parts[part] for part in PARTS))
    for path in NOTEBOOKS
    for parts in exercises(read(path)).values()
    if "stub" in parts
]


def printed(*sources: str) -> list[str]:
    """Run code in one namespace of its own and return what it printed, by lines that begin a verdict."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec("\n".join(sources), {})
    return [line for line in out.getvalue().splitlines() if not line.startswith(" ")]


each_exercise = pytest.mark.parametrize("exercise", FOUND, ids=lambda exercise: exercise.stub.id)


def test_there_are_ten_or_more_and_each_notebook_counts_its_own():
    assert len(FOUND) >= 10
    for path in NOTEBOOKS:
        numbers = [int(TITLE.match(exercise.task.source)[1]) for exercise in FOUND if exercise.path == path]
        assert numbers == list(range(1, len(numbers) + 1)), path.name


@each_exercise
def test_the_four_cells_follow_each_other(exercise):
    names = [cell.id for cell in read(exercise.path).cells]
    parts = [exercise.task.id, exercise.stub.id, exercise.check.id, exercise.solution.id]
    assert " ".join(parts) in " ".join(names)
    kinds = [cell.cell_type for cell in (exercise.task, exercise.stub, exercise.check, exercise.solution)]
    assert kinds == ["markdown", "code", "code", "markdown"]
    assert re.search(r"\d", TITLE.sub("", exercise.task.source)), "the task has an example with numbers"
    assert re.search(r'^def my_\w+\(.*?\):\n    """', exercise.stub.source, flags=re.DOTALL | re.MULTILINE)
    assert exercise.stub.source.count("raise NotImplementedError") == len(functions(exercise))
    assert exercise.solution.source.startswith("<details><summary>Solution</summary>\n\n```python\n")


def functions(exercise: Exercise) -> list[str]:
    return re.findall(r"^def (my_\w+)\(", exercise.stub.source, flags=re.MULTILINE)


@each_exercise
def test_the_check_cell_only_checks(exercise):
    imports, calls = exercise.check.source.split("\n\n")
    assert imports == "from course_lib.classroom.exercises.check import check"
    assert calls.splitlines() == [f"check({name})" for name in functions(exercise)]


@each_exercise
def test_the_stub_is_not_attempted_yet(exercise):
    lines = printed(exercise.stub.source, exercise.check.source)
    assert len(lines) == len(functions(exercise))
    assert all(line.startswith("Not attempted yet") for line in lines)
    (output,) = exercise.check.outputs
    assert output.text.splitlines() == lines


@each_exercise
def test_the_solution_passes(exercise):
    (solution,) = BLOCK.findall(exercise.solution.source)
    lines = printed(solution, exercise.check.source)
    assert len(lines) == len(functions(exercise))
    assert all(line.startswith("Passed") for line in lines)


@each_exercise
def test_nothing_but_the_check_uses_the_answer(exercise):
    others = [cell for cell in code_cells(read(exercise.path)) if cell.id not in (exercise.stub.id, exercise.check.id)]
    for name in functions(exercise):
        assert not any(re.search(rf"\b{name}\b", cell.source) for cell in others), name
