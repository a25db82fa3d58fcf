"""The exercises of the notebooks: a stub, a check, a solution; the check answers each as it should."""

import ast
import contextlib
import io
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from nbformat import NotebookNode
from shared.notebooks import NOTEBOOKS, code_cells
from shared.student import Student

from course_lib.classroom.exercises import mine
from course_lib.classroom.exercises.ppo_steps import train_ppo
from course_lib.classroom.exercises.ppo_watch import run
from course_lib.publish.roles import PARTS, exercises
from course_lib.publish.stored import read
from course_lib.training.experiments.toy_language import LENGTH, PROMPTS, ToyTask
from course_lib.training.ppo import PPO, train
from course_lib.training.progress import Progress
from course_lib.training.settings import PPOSettings

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


def words(output: NotebookNode) -> str:
    """What a stored output says."""
    return output.get("text") or output.data["text/plain"]


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
    assert [line for output in exercise.check.outputs for line in words(output).splitlines()] == lines


@each_exercise
def test_the_solution_passes(exercise):
    (solution,) = BLOCK.findall(exercise.solution.source)
    lines = printed(solution, exercise.check.source)
    assert len(lines) == len(functions(exercise))
    assert all(line.startswith("Passed") for line in lines)


def imports(source: str) -> list[str]:
    return [ast.unparse(node) for node in ast.parse(source).body if isinstance(node, ast.Import | ast.ImportFrom)]


@each_exercise
def test_the_stub_runs_alone_after_a_restart_and_brings_what_its_answer_needs(exercise):
    exec(exercise.stub.source, {})
    (solution,) = BLOCK.findall(exercise.solution.source)
    assert set(imports(solution)) <= set(imports(exercise.stub.source))


@each_exercise
def test_nothing_but_the_check_uses_the_answer(exercise):
    others = [cell for cell in code_cells(read(exercise.path)) if cell.id not in (exercise.stub.id, exercise.check.id)]
    for name in functions(exercise):
        assert not any(re.search(rf"\b{name}\b", cell.source) for cell in others), name


def test_the_table_of_each_notebook_has_its_exercises_in_their_order():
    for number, names in mine.NOTEBOOKS.items():
        found = [name for exercise in FOUND if exercise.path.name.startswith(number) for name in functions(exercise)]
        assert found == [f"my_{name}" for name in names]


def toy_records(method: PPO) -> list[dict]:
    """Five steps of PPO on the toy language, without their times."""
    generator = torch.Generator().manual_seed(0)
    task = ToyTask.draw(generator)
    policy = task.policy()
    settings = PPOSettings(iterations=5, batch_size=64, response_len=LENGTH, kl_target=0.1, learning_rate=0.03)
    progress = Progress.start(policy, settings, generator=generator)
    records = train(policy, task.reference, PROMPTS, task.score, settings=settings, method=method, progress=progress)
    return [{name: value for name, value in record.items() if "seconds" not in name} for record in records]


def test_who_passes_everything_has_a_library_that_trains_as_ours_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    student = Student()
    for exercise in FOUND:
        (solution,) = BLOCK.findall(exercise.solution.source)
        lines = student.run(solution, exercise.check.source).splitlines()
        assert lines[1::2] == ["Kept in my_rlhf.py."] * len(functions(exercise))
        last = solution[solution.rindex("def ") :].strip()
        assert last in (tmp_path / "my_rlhf.py").read_text(encoding="utf-8")
    assert all(table.endswith(": kept") for table in repr(mine.my_table("03")).splitlines()[:-1])

    method = mine.my_method()
    unused = {"reinforce_advantages", "rloo_advantages", "grpo_advantages", "reinforce_loss", "grpo_loss", "dpo_loss"}
    unused |= {"dr_grpo_loss", "adaptive_kl_coef", "td_residuals", "probability_ratio", "clipped_objective"}
    assert set(method.not_ours) == PPO.names() - unused
    ours, theirs = toy_records(PPO()), toy_records(method)
    assert len(ours) == 5
    for record, same in zip(ours, theirs, strict=True):
        assert same == pytest.approx(record, rel=1e-4, abs=1e-6)


def test_the_ppo_loop_in_three_steps_is_one_short_file_that_trains_as_ours_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    student, ours = Student(), "from course_lib.classroom.exercises.ppo_steps import experience, ppo_loss\n"
    for exercise in (each for each in FOUND if each.stub.id in ("experience-stub", "ppo-loss-stub", "train-ppo-stub")):
        (solution,) = BLOCK.findall(exercise.solution.source)
        own = re.sub(r"\b(?<!my_)(experience|ppo_loss)\(", r"my_\1(", solution.replace(ours, ""))
        assert student.run(own, exercise.check.source).splitlines()[1] == "Kept in my_rlhf.py."
    text = (tmp_path / "my_rlhf.py").read_text(encoding="utf-8")
    assert text.count("\ndef my_") == 3
    assert len(text.splitlines()) <= 100
    assert "classroom" not in text
    assert run(mine.my_functions()["train_ppo"]).returned == run(train_ppo).returned
