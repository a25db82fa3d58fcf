"""What the cells of the notebooks say of themselves is what a student reads in them."""

from shared.notebooks import NOTEBOOKS, ROOT, each_notebook

from course_lib.classroom.predictions import predictions as all_predictions
from course_lib.publish.lesson import read_lesson
from course_lib.publish.plan import HIDE_INPUT
from course_lib.publish.roles import (
    DEEPER,
    PARTS,
    answers,
    course,
    exercises,
    heading,
    marked,
    predictions,
    question,
    role,
)
from course_lib.publish.stored import read

KEYS = {
    "": {"minutes", "lab", "deeper", "name", "does", "mark"},
    "prediction": set(),
    "reveal": set(),
    "quiz": {"question", "options", "answer"},
    "answer": {"of"},
} | {part: {"exercise", "deeper"} for part in PARTS}


def one_line(source: str) -> str:
    return " ".join(source.split())


@each_notebook
def test_cells_say_of_themselves_only_what_is_known(path):
    for cell in read(path).cells:
        assert set(course(cell)) - {"role"} <= KEYS[role(cell)], cell.id


@each_notebook
def test_lines_are_marked_where_code_is_shown_and_has_them(path):
    for cell in read(path).cells:
        lines = cell.source.splitlines()
        for line in marked(cell):
            assert cell.cell_type == "code", cell.id
            assert HIDE_INPUT not in cell.metadata.get("tags", []), cell.id
            assert 0 < line <= len(lines), cell.id
            assert lines[line - 1].strip(), cell.id


def calls(function: str, name: str) -> str:
    return f'from course_lib.classroom.widgets.predict import {function}\n\n{function}("{name}")'


@each_notebook
def test_a_prediction_asks_its_own_question_and_tells_no_answer(path):
    notebook = read(path)
    asked = predictions(notebook)
    for cell in notebook.cells:
        assert ("predict(" in cell.source) == (cell.id in asked), cell.id
        if cell.id in asked:
            assert cell.source == calls("predict", cell.id)
            assert [output.data["text/plain"] for output in cell.outputs] == [asked[cell.id].markdown], cell.id


@each_notebook
def test_a_prediction_is_followed_by_what_shows_it_then_the_verdict_then_the_answer(path):
    notebook = read(path)
    names = [cell.id for cell in notebook.cells]
    roles = [role(cell) for cell in notebook.cells if role(cell) in ("prediction", "reveal", "answer")]
    answered = answers(notebook)
    assert roles == ["prediction", "reveal", "answer"] * len(answered)
    for name, answer in answered.items():
        at = names.index(answer)
        assert notebook.cells[at - 1].source == calls("reveal", name)
        assert names.index(name) < at - 2, f"nothing is shown between {name} and {answer}"


@each_notebook
def test_the_answer_begins_with_the_right_letter(path):
    notebook = read(path)
    cells = {cell.id: cell for cell in notebook.cells}
    for name, answer in answers(notebook).items():
        begins = f"<details><summary>What you should have seen</summary>\n\n({predictions(notebook)[name].right})"
        assert cells[answer].source.startswith(begins), name


def test_every_prediction_of_the_file_is_asked_once_and_in_its_order():
    assert [name for path in NOTEBOOKS for name in predictions(read(path))] == list(all_predictions())


@each_notebook
def test_a_quiz_has_a_fold_for_each_option_which_says_yes_or_no(path):
    for cell in (cell for cell in read(path).cells if role(cell) == "quiz"):
        asked, (before, *folds) = question(cell), cell.source.split("<details>")
        assert one_line(before).endswith(asked.asked), cell.id
        for (letter, option), fold in zip(asked.options.items(), folds, strict=True):
            says = "Yes: " if letter == asked.right else "No: "
            assert fold.startswith(f"<summary>({letter}) {option}</summary>\n\n{says}"), f"{cell.id} ({letter})"


def test_the_notebooks_have_predictions_and_a_quiz():
    assert all(predictions(read(path)) for path in NOTEBOOKS)
    assert sum(role(cell) == "quiz" for path in NOTEBOOKS for cell in read(path).cells) == 8


@each_notebook
def test_an_exercise_has_its_parts_in_order_and_every_solution_is_one(path):
    notebook = read(path)
    for name, parts in exercises(notebook).items():
        assert list(parts) == list(PARTS) or list(parts) == ["task", "solution"], name
    marked = [cell.id for cell in notebook.cells if role(cell) == "solution"]
    assert marked == [cell.id for cell in notebook.cells if "<summary>Solution" in cell.source]
    stubs = [cell.id for cell in notebook.cells if role(cell) == "stub"]
    assert stubs == [
        cell.id for cell in notebook.cells if "raise NotImplementedError" in cell.source and cell.cell_type == "code"
    ]


@each_notebook
def test_a_heading_says_what_its_metadata_say(path):
    for cell in read(path).cells:
        found = heading(cell)
        if found:
            line = cell.source.splitlines()[0]
            assert line.endswith(" min)") == bool(found.length), cell.id
            assert line.endswith(f" ({found.length})" if found.length else found.title), cell.id
            assert found.title.startswith(DEEPER) == found.deeper, cell.id
        else:
            assert not {"minutes", "lab", "deeper", "name", "does"} & set(course(cell)), cell.id


@each_notebook
def test_the_readme_says_of_a_notebook_what_it_says_of_itself(path):
    lesson = read_lesson(path)
    takes = "lab" if lesson.length.startswith("lab") else lesson.length.removesuffix(" min")
    row = f"| [{lesson.called}](notebooks/{path.name}) | {takes} | {lesson.does} |"
    assert row in (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
