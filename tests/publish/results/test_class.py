"""A class of thirty, a dozen of them hostile or damaged, goes through `class` and comes out as a page and a table."""

import csv
import os
import signal
from html import unescape

import pytest
import torch
from bs4 import BeautifulSoup
from shared.invented_class import HOSTILE, K1, TORCH, annotators, answers, damaged, honest

from course_lib.__main__ import main
from course_lib.classroom.choices import ChoiceFile, TextPair
from course_lib.publish.results import work
from course_lib.publish.results.command import PAGE, TABLE
from course_lib.publish.results.handed_in import LIBRARY_FILE, HandedIn
from course_lib.publish.results.judge import PASSED
from course_lib.publish.results.work import ENDED, Worker, judge_class

HONEST = 16
UNWRITABLE = "def my_k2(a, b):\n    raise KeyError('\\ud800 \\x00 \\u202e')\n"
SOME_HOSTILE = ("deletes", "forks", "leaves at once", "patches the check", "writes HTML")
NAMED = "<b>Maxine</b>"
PAIRS = [TextPair("A", f"A film {i}.", f"A <i>good</i> film {i}.") for i in range(8)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("class")
    for number in range(HONEST):
        honest(folder / f"Student {number}", number, most=3)
    for name in SOME_HOSTILE:
        (folder / name).mkdir()
        (folder / name / LIBRARY_FILE).write_text(TORCH + HOSTILE[name].replace("{victim!r}", repr(str(folder))))
    damaged(folder)
    (folder / "unwritable").mkdir()
    (folder / "unwritable" / LIBRARY_FILE).write_text(UNWRITABLE)
    (folder / "unwritable" / os.fsdecode(b"\xff.ipynb")).write_text("{")
    (folder / NAMED.replace("/", "\u2044")).mkdir()
    (folder / NAMED.replace("/", "\u2044") / "my_answers.jsonl").write_text(answers(2))
    for number, choices in enumerate(annotators(PAIRS, lambda texts: torch.zeros(len(texts)), count=6)):
        for choice in choices:
            ChoiceFile(folder / f"Student {number}" / "my_choices.jsonl").add(choice)
    assert main(["class", str(folder), "--seed", "11"]) == 0
    return folder


@pytest.fixture(scope="module")
def page(folder):
    return BeautifulSoup((folder / PAGE).read_text(encoding="utf-8"), "html.parser")


@pytest.fixture(scope="module")
def rows(folder):
    with (folder / TABLE).open(encoding="utf-8-sig", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def test_everybody_is_in_the_table(folder, rows):
    handed = [path for path in folder.iterdir() if path.name not in (PAGE, TABLE, "marks.csv")]
    assert len(rows) == len(handed) == 32
    assert {row["passed"] for name, row in rows.items() if name.startswith("Student")} <= {"2", "3"}
    assert rows["patches the check"]["k1"] == "tried: the result is not the expected one"
    assert "it may not delete files here" in rows["deletes"]["to tell"]
    assert rows["leaves at once"]["to tell"] == "The code cannot be run: its process has ended."
    assert rows["half answers"]["to tell"].startswith("Lines of my_answers.jsonl that are no answers: ")


def test_bars_and_votes_count_everybody(page, rows):
    for bar in page.select(".bar"):
        assert sum(int(span.text) for span in bar.select("span")) == len(rows)
    answered = sum(int(row["predictions"]) for row in rows.values())
    assert sum(int(votes.text) for votes in page.select(".votes")) == answered > 300


def test_mistakes_are_counted_with_an_example_each(page):
    exercise = next(each for each in page.select(".exercise") if each.h4.text == "bradley_terry_loss")
    assert [each.text for each in exercise.select("summary")] == [
        "3the minus sign is missing",
        "2`if` takes one True or False, and a tensor has one for each number",
    ]
    assert "return F.logsigmoid" in exercise.pre.text


def test_what_students_wrote_is_text_and_names_stand_in_the_fold_alone(folder, page):
    html = (folder / PAGE).read_text(encoding="utf-8")
    assert not page.find_all("script")
    assert "<script>alert(1)</script>" in unescape(html)
    (fold,) = page.select("footer details")
    assert not fold.has_attr("open")
    assert "Maxine" in fold.text
    fold.extract()
    assert not [name for name in ("Maxine", "Student 1", "patches the check") if name in page.text]


def test_the_taste_of_who_chose_is_told(page):
    taste = page.select_one(".taste")
    assert taste.p.text.startswith("Two of the 6 students who both decide a pair decide alike in ")
    assert taste.img["alt"] == taste.p.text
    assert "A <i>good</i> film" in taste.text


def test_marks_follow_the_table(folder, rows):
    assert (folder / "marks.csv").read_text().startswith("what,points\npreference_probability,1\n")
    row = rows["Student 1"]
    points = int(row["passed"]) + 0.2 * int(row["predictions"]) + 0.05 * int(row["choices"])
    assert float(row["marks"]) == pytest.approx(points)


def test_a_judge_that_is_ended_is_replaced_and_the_next_student_judged():
    workers = [Worker()]
    first, second = (HandedIn(name, {LIBRARY_FILE: code}) for name, code in (("a", "while True: pass"), ("b", K1)))
    begun = work.Worker.begin

    def kill(worker, student, *rest):
        begun(worker, student, *rest)
        if student.name == "a":
            os.kill(worker.pid, signal.SIGKILL)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(work.Worker, "begin", kill)
        students = {student.name: student for student in judge_class(workers, [first, second], seed=5)}
    for worker in workers:
        worker.end()
    assert students["a"].told == [ENDED]
    assert students["b"].outcomes["k1"].state == PASSED
