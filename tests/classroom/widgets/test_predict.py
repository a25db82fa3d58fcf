"""A prediction is asked without its answer, kept in the first form that it was given, and told apart from the truth."""

import json
from datetime import datetime

import pytest

from course_lib.classroom.answers import add_answer, read_answers
from course_lib.classroom.predictions import prediction, predictions
from course_lib.classroom.widgets.predict import Predict, predict, reveal
from course_lib.training.files.errors import CourseError

NAME = "clip-predict"  # right is (b)
OTHER = "critic-predict"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "my_answers.jsonl"


def said(widget: Predict) -> str:
    return widget.sentence.value


def lines(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_prediction_asks_something_has_options_and_a_right_one():
    assert len(predictions()) > 35
    for name, question in predictions().items():
        assert question.asked == " ".join(question.asked.split()) != "", name
        assert list(question.options) == ["a", "b", "c"], name
        assert len({*question.options.values()}) == 3, name
        assert question.right in question.options, name
        assert not any(sign in option for option in question.options.values() for sign in "$*`<"), name


def test_a_question_has_one_button_for_each_option(path):
    asked = Predict(NAME, path)
    assert [button.description for button in asked.buttons.values()] == [
        "(a) Yes: 1.4 lies outside the band",
        "(b) No: the objective still pushes it back",
        "(c) Half: its gradient is smaller",
    ]
    (question,) = asked.children[0].outputs
    assert question["data"]["text/markdown"].startswith("**Predict.** A token was worse than expected, $A = -1$, and")


def test_a_pressed_button_keeps_the_question_the_choice_and_the_time(path):
    before = datetime.now().astimezone().replace(microsecond=0)
    Predict(NAME, path).buttons["c"].click()
    (line,) = lines(path)
    assert (line["question"], line["choice"]) == (NAME, "c")
    assert before <= datetime.fromisoformat(line["time"]) <= datetime.now().astimezone()


def test_after_the_choice_the_widget_says_that_it_is_kept_and_not_what_is_right(path):
    told = []
    for letter in "abc":
        asked = Predict(NAME, path.with_name(letter))
        asked.buttons[letter].click()
        told.append(said(asked).replace(f"({letter})", "(?)"))
        assert [name for name, button in asked.buttons.items() if button.icon == "check"] == [letter]
    assert told[0] == told[1] == told[2]
    assert "Kept: (?), " in told[0]
    assert "Now run the next cell." in told[0]


def test_a_changed_choice_is_a_new_line_and_the_first_one_counts(path):
    asked = Predict(NAME, path)
    for letter in "abb":
        asked.buttons[letter].click()
    assert [line["choice"] for line in lines(path)] == ["a", "b"]
    assert "Kept too: (b); your first choice, (a) of " in said(asked)
    assert "it did not come true. Right is (b)" in reveal(NAME, path).value


def test_a_rerun_shows_what_was_kept_and_writes_nothing(path):
    Predict(NAME, path).buttons["a"].click()
    before = path.read_bytes()
    again = Predict(NAME, path)
    assert said(again).count("Kept: (a), ") == 1
    assert again.buttons["a"].icon == "check"
    assert path.read_bytes() == before


def test_two_kernels_write_into_one_file(path):
    one, other = Predict(NAME, path), Predict(OTHER, path)
    one.buttons["a"].click()
    other.buttons["c"].click()
    one.buttons["b"].click()
    assert [(line["question"], line["choice"]) for line in lines(path)] == [(NAME, "a"), (OTHER, "c"), (NAME, "b")]
    assert [answer.choice for answer in read_answers(NAME, path)] == ["a", "b"]


def test_it_is_told_whether_the_prediction_came_true(path):
    assert "You have not chosen yet" in reveal(NAME, path).value
    add_answer(NAME, "b", path)
    add_answer(OTHER, "b", path)
    assert "you chose (b) “No: the objective still pushes it back”: it came true." in reveal(NAME, path).value
    told = reveal(OTHER, path).value
    assert "you chose (b) “mostly harsh”: it did not come true." in told
    assert "Right is (c) “some friendly, some harsh”" in told


def test_a_choice_that_is_no_option_any_more_is_told_as_one_that_did_not_come_true(path):
    add_answer(NAME, "<i>", path)
    assert "it did not come true" in reveal(NAME, path).value
    assert "&lt;i&gt;" in reveal(NAME, path).value


def test_what_a_file_keeps_of_a_widget_is_the_same_for_everybody_and_tells_no_answer(path):
    asked = Predict(NAME, path)._repr_mimebundle_()
    revealed = reveal(NAME, path)._repr_mimebundle_()
    assert asked["text/plain"] == asked["text/markdown"] == prediction(NAME).markdown
    assert asked["text/plain"].endswith("\n- (c) Half: its gradient is smaller")
    assert "application/vnd.jupyter.widget-view+json" in asked
    Predict(NAME, path).buttons["b"].click()
    assert Predict(NAME, path)._repr_mimebundle_()["text/plain"] == asked["text/plain"]
    assert reveal(NAME, path)._repr_mimebundle_()["text/plain"] == revealed["text/plain"]


@pytest.mark.parametrize(
    "line",
    ["no json", "[]", "{}", '{"question": "clip-predict", "choice": "b", "time": "noon"}',
     '{"question": "clip-predict", "choice": 2, "time": "2026-01-01T00:00:00+00:00"}'],
)  # fmt: skip
def test_a_damaged_file_is_told_in_a_sentence_and_left_as_it_is(path, line):
    add_answer(OTHER, "a", path)
    with path.open("a", encoding="utf-8") as file:
        file.write(line)
    before = path.read_bytes()
    asked = Predict(NAME, path)
    asked.buttons["a"].click()
    for told in (said(asked), reveal(NAME, path).value):
        assert f"Expected an answer in line 2 of {path}, but " in told
        assert "came; delete that line, and run this again." in told
    assert path.read_bytes() == before


def test_a_file_saved_by_an_editor_of_windows_is_read(path):
    add_answer(NAME, "b", path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert [answer.choice for answer in read_answers(NAME, path)] == ["b"]


def test_a_file_that_cannot_be_written_is_told_in_a_sentence(tmp_path):
    path = tmp_path / "missing" / "my_answers.jsonl"
    asked = Predict(NAME, path)
    asked.buttons["a"].click()
    assert f"Expected to write to {path}, but that failed (No such file or directory)" in said(asked)
    assert [button.icon for button in asked.buttons.values()] == ["", "", ""]


def test_a_file_that_cannot_be_read_is_told_in_a_sentence(path):
    path.mkdir()
    assert f"Expected answers in {path}, but reading failed" in said(Predict(NAME, path))


def test_an_unknown_prediction_is_told_with_the_nearest():
    with pytest.raises(CourseError, match="such as 'clip-predict', but 'clip-predicts' came"):
        predict("clip-predicts")
