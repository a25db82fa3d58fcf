"""Marks are counted by a table that a teacher may edit, as spreadsheets write it."""

import pytest

from course_lib.classroom.choices import Choice, TextPair, write_pairs
from course_lib.publish.results.handed_in import HandedIn
from course_lib.publish.results.judge import LIBRARY, PASSED, TRIED, Outcome
from course_lib.publish.results.marks import FILE, read_marks
from course_lib.publish.results.student import Student, read_student
from course_lib.publish.results.summary import count_exercise
from course_lib.publish.results.table import class_table, harmless
from course_lib.training.files.errors import CourseError

STUDENT = Student(
    "=SUM(1)",
    {"k1": Outcome(PASSED), "gae": Outcome(LIBRARY, "it is word for word the library's"), "k2": Outcome(TRIED, "a, b")},
    {"clip-predict": "a", "bt-predict": "c"},
    [Choice(TextPair("", "a", "b"), "left")],
    ["One thing.", "Another."],
)


def test_the_table_is_written_once_and_then_read(tmp_path):
    assert read_marks(tmp_path).of(STUDENT) == pytest.approx(1 + 2 * 0.2 + 0.05)
    (tmp_path / FILE).write_text(
        "\ufeffwhat;points\r\nk1;2,5\r\ngae;4\r\nshare for the library's;0,5\r\n", encoding="utf-8"
    )
    assert read_marks(tmp_path).of(STUDENT) == pytest.approx(2.5 + 4 * 0.5)


def test_a_choice_that_cannot_be_written_is_none():
    lines = [f'{{"prompt": "", "left": "{text}", "right": "b", "answer": "left"}}' for text in ("a", r"\ud800")]
    student = read_student(HandedIn("Ada", {"my_choices.jsonl": "\n".join(lines)}))
    assert len(student.choices) == 1
    assert student.told == ["Lines of my_choices.jsonl that are no choices: 1."]


def test_no_more_choices_count_than_the_course_asks(tmp_path):
    lines = [f'{{"prompt": "", "left": "a{number}", "right": "b", "answer": "left"}}' for number in range(500)]
    handed = HandedIn("Ada", {"my_choices.jsonl": "\n".join(lines)})
    student = read_student(handed)
    assert read_marks(tmp_path).of(student) == pytest.approx(24 * 0.05)
    assert student.told == ["my_choices.jsonl has 500 choices, and the course asks 24: 200 are taken."]
    assert len(write_pairs()) == 24


def test_lines_that_a_spreadsheet_emptied_count_for_nothing_and_a_line_stands_once(tmp_path):
    (tmp_path / FILE).write_text("what;points\n;\n k1 ; 2,5 \n;\n")
    assert read_marks(tmp_path).of(STUDENT) == 2.5
    (tmp_path / FILE).write_text("what,points\nk1,1\nk1,2\n")
    with pytest.raises(CourseError, match="line 3 is another; delete one"):
        read_marks(tmp_path)


@pytest.mark.parametrize("line", ["k9,1", "k1,much", "k1,inf", "k1", "k1,-1", "k1,"])
def test_a_damaged_table_is_one_sentence(tmp_path, line):
    (tmp_path / FILE).write_text(f"what,points\n{line}\n")
    with pytest.raises(CourseError, match=r"line 2 of .*marks.csv"):
        read_marks(tmp_path)


def test_the_row_of_a_student(tmp_path):
    heading, row = class_table([STUDENT], read_marks(tmp_path)).splitlines()
    assert heading.startswith("\ufeffstudent,marks,passed,the library's,tried,predictions,choices,to tell,preference_")
    assert row.startswith("'=SUM(1),1.45,1,1,1,2,1,One thing. Another.,not tried,")
    assert '"tried: a, b"' in row


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@x", "\tx"])
def test_no_cell_is_a_formula(cell):
    assert harmless(cell) == f"'{cell}"
    assert harmless(-1) == -1


def test_the_shortest_function_with_a_mistake_is_the_example():
    outcomes = [Outcome(TRIED, "m", source=source) for source in ("", "long one", "short")] + [Outcome(PASSED)]
    counted = count_exercise("k1", [Student(str(i), {"k1": each}) for i, each in enumerate(outcomes)] + [Student("x")])
    assert counted.states == {"passed": 1, "the library's": 0, "tried": 3, "not tried": 1}
    (mistake,) = counted.mistakes
    assert (mistake.name, mistake.count, mistake.example.source) == ("m", 3, "short")
