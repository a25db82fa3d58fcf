"""What cells are is read from their metadata, and what lacks there is named."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_lib.classroom.predictions import Question
from course_lib.publish.exporter import text
from course_lib.publish.roles import (
    Heading,
    answers,
    exercises,
    heading,
    predictions,
    question,
    unfolded,
)
from course_lib.training.files.errors import CourseError


def words(name: str, source: str = "words", **said):
    return new_markdown_cell(source, id=name, metadata={"course": said} if said else {})


def quiz(source: str = "Or?", **said):
    return words("quiz", source, role="quiz", question="Or?", **said)


def asks(name: str):
    return new_code_cell("predict", id=name, metadata={"course": {"role": "prediction"}})


def test_a_heading_has_the_minutes_of_its_metadata():
    title = words("title", "# A lab (lab, about 60 min)\n\nIts text.", minutes=60, lab=True)
    assert heading(title) == Heading(1, "A lab", "lab, about 60 min", 60, False)
    assert heading(words("idea", "## An (odd) idea (3 min)", minutes=3)) == Heading(
        2, "An (odd) idea", "3 min", 3, False
    )
    assert heading(words("more", "## Go deeper: more", deeper=True)) == Heading(2, "Go deeper: more", "", 0, True)


def test_smaller_headings_text_and_comments_in_code_are_no_headings():
    cells = [words("task", "### Exercise 1"), words("text", "Text\n\n## not at the top"), new_code_cell("# a comment")]
    assert [heading(cell) for cell in cells] == [None, None, None]


def test_a_prediction_is_found_by_the_id_of_its_cell():
    notebook = new_notebook(cells=[asks("bt-train-predict"), words("seen", role="answer", of="bt-train-predict")])
    options = {"a": "near 0", "b": "near 0.2", "c": "near 0.4"}
    ends = "The loss begins at 0.69, that of a coin. Where is it after two epochs on people's choices?"
    assert predictions(notebook) == {"bt-train-predict": Question(ends, options, "c")}
    assert answers(notebook) == {"bt-train-predict": "seen"}


@pytest.mark.parametrize(
    ("options", "answer"), [((), "a"), (("one",), "a"), (("one", "two"), "c"), (("one", "two"), "")]
)
def test_a_quiz_without_a_right_option_is_named(options, answer):
    with pytest.raises(CourseError, match="metadata of the cell 'quiz' to have a question, its options and the right"):
        question(quiz(options=options, answer=answer))


def test_a_prediction_that_no_file_knows_is_named():
    with pytest.raises(CourseError, match="Expected the name of a prediction, such as 'clip-predict', but 'clip'"):
        predictions(new_notebook(cells=[asks("clip")]))


def test_a_prediction_without_an_answer_is_named():
    with pytest.raises(
        CourseError, match=r"none has it; give .* \"course\": \{\"role\": \"answer\", \"of\": \"asks\"\}"
    ):
        answers(new_notebook(cells=[asks("asks"), words("seen", role="answer", of="other")]))


def test_the_parts_of_an_exercise_are_found_wherever_they_stand():
    cells = [words(f"gae-{part}", role=part, exercise="gae") for part in ("task", "check", "solution")]
    notebook = new_notebook(cells=[cells[0], words("aside"), *cells[1:], words("other", role="task", exercise="clip")])
    found = {name: {part: cell.id for part, cell in parts.items()} for name, parts in exercises(notebook).items()}
    assert found == {
        "gae": {"task": "gae-task", "check": "gae-check", "solution": "gae-solution"},
        "clip": {"task": "other"},
    }


def test_only_the_answer_to_a_prediction_is_unfolded():
    fold = "<details><summary>Why</summary>"
    assert unfolded(fold, words("seen", role="answer", of="asks")) == "<details open><summary>Why</summary>"
    assert unfolded(fold, words("aside")) == fold


def test_the_folds_of_a_quiz_are_told_apart_and_others_left():
    folds = "".join(f"<details><summary>({letter})</summary>\n\n.\n\n</details>\n\n" for letter in "ab")
    asked = quiz(f"Or?\n\n{folds}", options=["One", "Two"], answer="b")
    lines = [line.split("<summary>")[0] for line in text(asked, str).splitlines() if "summary" in line]
    assert lines == ['<details class="option no">', '<details class="option yes">']
    assert "option" not in text(words("aside", folds), str)


def test_a_quiz_with_more_options_than_folds_is_named():
    asked = quiz("Or?\n\n<details></details>", options=["One", "Two"], answer="b")
    with pytest.raises(
        CourseError, match="Expected the quiz 'quiz' to have a fold for each of its 2 options, but it has 1"
    ):
        text(asked, str)


def test_the_minutes_of_a_heading_are_set_apart_and_no_others():
    html = text(words("idea", "## Wait (2 min)\n\nSleep (2 min)", minutes=2), str)
    assert html.count('<span class="minutes">(2 min)</span></h2>') == html.count("minutes") == 1
