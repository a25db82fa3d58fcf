"""What the notebooks hold for who presents them: slide marks, notes and minutes."""

import json
import re
from itertools import pairwise

import pytest
from shared.notebooks import NOTEBOOKS, each_notebook, sections

from course_lib.publish.amount import WORDS_A_MINUTE, amount
from course_lib.publish.plan import HIDE_INPUT, NOTES, plan, slide_type
from course_lib.publish.roles import PARTS, answers, course, heading, predictions, role
from course_lib.publish.stored import FOLDER, find, read

PRESENTED = [path for path in NOTEBOOKS if not course(read(path).cells[0]).get("lab")]

WIDEST = 88  # letters in a line of code on a slide

each_presented = pytest.mark.parametrize("path", PRESENTED, ids=lambda path: path.stem)


@each_notebook
def test_what_a_class_sees_is_marked_and_the_rest_is_skipped(path):
    notebook = read(path)
    assert slide_type(notebook.cells[0]) == "slide"
    for section in sections(notebook):
        for cell in section.cells:
            if section.heading.deeper or role(cell) in PARTS:
                assert slide_type(cell) == "skip", cell.id


@each_notebook
def test_a_prediction_and_its_answer_are_both_on_slides_or_both_skipped(path):
    notebook = read(path)
    skipped = {cell.id: slide_type(cell) == "skip" for cell in notebook.cells}
    for asked, answer in answers(notebook).items():
        assert skipped[asked] == skipped[answer], asked


@pytest.mark.parametrize(("name", "slides", "asked"), [("00", 2, 1), ("01", 12, 2), ("02", 12, 2)])
def test_what_is_presented_can_be_presented_in_its_minutes(name, slides, asked):
    (path,) = find([name], FOLDER)
    notebook = read(path)
    assert sum(map(len, plan(notebook))) <= slides
    shown = [cell.id for cell in notebook.cells if slide_type(cell) != "skip"]
    assert len(predictions(notebook).keys() & set(shown)) <= asked


@each_presented
def test_sections_with_minutes_are_on_slides(path):
    for section in sections(read(path)):
        assert slide_type(section.cells[0]) == ("slide" if section.heading.minutes else "skip"), section.heading.title


@each_notebook
def test_every_presented_section_says_what_to_say_and_what_to_cut(path):
    for section in sections(read(path)):
        if slide_type(section.cells[0]) != "skip":
            notes = [cell.metadata.get("notes", {}) for cell in section.cells]
            for kind in ("say", "cut"):
                assert any(kind in note for note in notes), f"{section.heading.title}: no note of what to {kind}"


@each_notebook
def test_every_prediction_on_a_slide_tells_the_votes_the_answer_and_why(path):
    notebook = read(path)
    for cell_id, prediction in predictions(notebook).items():
        (asked,) = (cell for cell in notebook.cells if cell.id == cell_id)
        if slide_type(asked) != "skip":
            expected = asked.metadata.get("notes", {}).get("expect", "")
            assert re.search(r"\b[Vv]otes?\b", expected), cell_id
            assert re.search(rf"Right is \({prediction.right}\)|\({prediction.right}\), and it is right", expected), (
                cell_id
            )
            assert re.search(r"\bbecause\b", expected), cell_id


@each_notebook
def test_notes_are_short_sentences_of_the_three_kinds_on_slides(path):
    for member in read(path).cells:
        for kind, note in member.metadata.get("notes", {}).items():
            assert kind in NOTES, member.id
            assert re.fullmatch(r"\S.*[.?!”]", note), member.id
            assert len(note.split()) <= 60, f"{member.id}: {len(note.split())} words"
            assert slide_type(member) != "skip", f"{member.id} has a note, but is on no slide"


@each_notebook
def test_notes_stand_in_no_text_that_a_student_reads(path):
    notebook = read(path)
    shown = "\n".join(member.source + json.dumps(member.get("outputs", [])) for member in notebook.cells)
    for member in notebook.cells:
        for note in member.metadata.get("notes", {}).values():
            assert note not in shown, member.id


def test_code_on_a_slide_can_be_read_from_the_back_row():
    (path,) = find(["02"], FOLDER)
    for cell in read(path).cells:
        shown = cell.cell_type == "code" and slide_type(cell) != "skip"
        if shown and HIDE_INPUT not in cell.metadata.get("tags", []):
            assert max(map(len, cell.source.splitlines())) <= WIDEST, cell.id


@each_presented
def test_the_planned_minutes_are_those_of_the_headings(path):
    notebook = read(path)
    planned = plan(notebook)
    minutes = [section.heading.minutes for section in sections(notebook) if section.heading.minutes]
    assert [group[-1].ends - group[0].starts for group in planned] == [0, *(60 * length for length in minutes)]
    every = [slide for group in planned for slide in group]
    assert every[0].starts == 0
    assert every[-1].ends == 60 * heading(notebook.cells[0]).minutes
    assert all(one.ends == after.starts for one, after in pairwise(every))


@each_presented
def test_what_the_notes_say_can_be_said_in_the_planned_minutes(path):
    notebook = read(path)
    told = amount(notebook, plan(notebook))
    assert told.said <= WORDS_A_MINUTE * told.planned
