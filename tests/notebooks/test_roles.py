"""What the cells of the notebooks say of themselves is what a student reads in them."""

from string import ascii_lowercase

from shared.notebooks import NOTEBOOKS, ROOT, each_notebook

from course_lib.publish.lesson import read_lesson
from course_lib.publish.roles import ASKS, DEEPER, PARTS, course, exercises, heading, predictions, question, role
from course_lib.publish.stored import read

KEYS = {
    "": {"minutes", "lab", "deeper", "name", "does"},
    "prediction": {"question", "options", "answer", "deeper"},
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
def test_what_a_prediction_asks_is_what_its_text_asks(path):
    cells = {cell.id: cell for cell in read(path).cells}
    asked = predictions(read(path))
    assert [name for name, cell in cells.items() if cell.source.count(ASKS) and cell.cell_type == "markdown"] == [
        *asked
    ]
    for name, prediction in asked.items():
        _, written = one_line(cells[name].source).split(ASKS)
        assert prediction.asked.removesuffix(" …") in written, name
        places = [written.find(f"({letter}) {option}") for letter, option in prediction.options.items()]
        assert places == sorted(places), name
        assert places[0] >= 0, name
        assert f"({ascii_lowercase[len(places)]}) " not in written, name


@each_notebook
def test_the_answer_stands_after_its_prediction_and_begins_with_the_right_letter(path):
    notebook = read(path)
    names = [cell.id for cell in notebook.cells]
    answers = [cell.id for cell in notebook.cells if role(cell) == "answer"]
    asked = predictions(notebook)
    assert [prediction.answer_id for prediction in asked.values()] == answers
    for name, prediction in asked.items():
        assert names.index(name) < names.index(prediction.answer_id)
        answer = notebook.cells[names.index(prediction.answer_id)].source
        assert answer.startswith(f"<details><summary>What you should have seen</summary>\n\n({prediction.right})"), name


@each_notebook
def test_a_quiz_has_a_fold_for_each_option_which_says_yes_or_no(path):
    for cell in (cell for cell in read(path).cells if role(cell) == "quiz"):
        asked, (before, *folds) = question(cell), cell.source.split("<details>")
        assert one_line(before).endswith(asked.asked), cell.id
        for (letter, option), fold in zip(asked.options.items(), folds, strict=True):
            says = "Yes: " if letter == asked.right else "No: "
            assert fold.startswith(f"<summary>({letter}) {option}</summary>\n\n{says}"), f"{cell.id} ({letter})"


def test_the_notebooks_have_predictions_and_a_quiz():
    assert sum(len(predictions(read(path))) for path in NOTEBOOKS) > 40
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
