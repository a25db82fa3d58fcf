"""Predictions are read from the cells that ask, their right options from the answers that follow."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from shared.notebooks import each_notebook, read

from course_lib.publish.predictions import ASKS, mark_folds, read_predictions
from course_lib.training.files.errors import CourseError

ANSWER = "<details><summary>What you should have seen</summary>\n\n({}). Because.\n\n</details>"


def notebook(question: str, answer: str = "b"):
    cells = [
        new_markdown_cell(question, id="asks"),
        new_code_cell("print(1)", id="demo"),
        new_markdown_cell("Something else.", id="else"),
        new_markdown_cell(ANSWER.format(answer), id="seen"),
    ]
    return new_notebook(cells=cells)


# what is written, what is asked, the options
WAYS = {
    "in a line": ("How many?\n\n(a) one · (b) about\ntwo · (c) 3.5", "How many?", ["one", "about two", "3.5"]),
    "in a list": ("Which?\n\n- (a) the first\n- (b) the second", "Which?", ["the first", "the second"]),
    "as sentences": ("Now?\n\n(a) None: no. (b) A few, say 1%. (c) All.", "Now?", ["None: no", "A few, say 1%", "All"]),
    "within one": ("The ratio is (a) 1, (b) below 1, (c) above 1.", "The ratio is …", ["1", "below 1", "above 1"]),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_write_options_is_read(way):
    written, asked, options = WAYS[way]
    prediction = read_predictions(notebook(f"**Predict.** {written}"))["asks"]
    assert (prediction.idea, prediction.question) == ("", asked)
    assert prediction.options == dict(zip("abc", options, strict=False))
    assert (prediction.right, prediction.answer_id) == ("b", "seen")


def test_what_stands_before_the_question_is_kept():
    source = "## A title\n\nAn idea (a) here.\n\n**Predict.** Yes? (a) Yes. (b) No."
    assert read_predictions(notebook(source))["asks"].idea == "## A title\n\nAn idea (a) here."


def test_a_question_without_options_is_no_prediction():
    assert read_predictions(notebook("**Predict.** What will happen?")) == {}


def test_an_answer_that_is_none_of_the_options_is_named():
    with pytest.raises(CourseError, match=r"one of a, b in parentheses after the cell 'asks', but got c; write it"):
        read_predictions(notebook("**Predict.** Yes? (a) Yes. (b) No.", answer="c"))


def test_the_answer_of_the_next_question_is_not_taken():
    two = notebook("**Predict.** Yes? (a) Yes. (b) No.")
    two.cells[2].source = "**Predict.** Or? (a) This. (b) That."
    with pytest.raises(CourseError, match="after the cell 'asks', but got none"):
        read_predictions(two)


@each_notebook
def test_every_question_of_the_notebooks_has_two_options_or_more(path):
    course = read(path)
    asking = [cell.id for cell in course.cells if cell.cell_type == "markdown" and ASKS in cell.source]
    predictions = read_predictions(course)
    assert list(predictions) == asking
    for prediction in predictions.values():
        assert list(prediction.options) == list("abcdef"[: len(prediction.options)])
        assert len(prediction.options) >= 2


def test_the_folds_of_a_quiz_are_told_apart_and_others_left():
    html = (
        "<details><summary>(a) One.</summary>\n<p>No: two.</p>\n</details>\n"
        "<details><summary>(b) Two.</summary>\n<p>Yes: two.</p>\n</details>\n"
        "<details><summary>Solution</summary>\n<p>Yes.</p>\n</details>"
    )
    assert [line.split("<summary>")[0] for line in mark_folds(html).splitlines() if "summary" in line] == [
        '<details class="option no">',
        '<details class="option yes">',
        "<details>",
    ]
