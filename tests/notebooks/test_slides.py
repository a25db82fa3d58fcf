"""What the notebooks hold for who presents them: slide marks, notes and minutes."""

import json
import re
from itertools import pairwise

import pytest
from nbformat import NotebookNode
from shared.notebooks import NOTEBOOKS, each_notebook, read

from course_lib.publish.plan import plan, slide_type
from course_lib.publish.predictions import read_predictions

PRESENTED = [path for path in NOTEBOOKS if re.search(r"^# .*\(\d+ min\)", read(path).cells[0].source)]

each_presented = pytest.mark.parametrize("path", PRESENTED, ids=lambda path: path.stem)


def sections(notebook: NotebookNode) -> dict[str, list[NotebookNode]]:
    """The cells by the second-level heading that they stand under."""
    found = {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            found[cell.source.splitlines()[0]] = []
        if found:
            list(found.values())[-1].append(cell)
    return found


@each_presented
def test_what_a_class_sees_is_marked_and_the_rest_is_skipped(path):
    notebook = read(path)
    assert slide_type(notebook.cells[0]) == "slide"
    for heading, cells in sections(notebook).items():
        assert slide_type(cells[0]) == ("slide" if re.search(r"\(\d+ min\)$", heading) else "skip"), heading
        if heading.startswith("## Go deeper"):
            assert {slide_type(cell) for cell in cells} == {"skip"}, heading
        exercises = [place for place, cell in enumerate(cells) if re.match(r"### Exercise \d", cell.source)]
        for place in exercises:
            assert {slide_type(cell) for cell in cells[place : place + 4]} == {"skip"}, heading


@each_presented
def test_every_prediction_and_its_answer_are_on_slides(path):
    cells = {cell.id: cell for cell in read(path).cells}
    for heading, members in sections(read(path)).items():
        if not heading.startswith("## Go deeper"):
            for member in members:
                if "**Predict.**" in member.source or "What you should have seen" in member.source:
                    assert slide_type(cells[member.id]) != "skip", member.id


@each_notebook
def test_every_presented_section_says_what_to_say_and_what_to_cut(path):
    for heading, cells in sections(read(path)).items():
        if not heading.startswith(("## Go deeper", "## Exercises")):
            notes = [cell.metadata.get("notes", {}) for cell in cells]
            for kind in ("say", "cut"):
                assert any(kind in note for note in notes), f"{heading}: no note of what to {kind}"


@each_notebook
def test_every_prediction_on_a_slide_tells_the_votes_the_answer_and_why(path):
    notebook = read(path)
    for cell_id, prediction in read_predictions(notebook).items():
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
            assert kind in ("say", "expect", "cut"), member.id
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


@each_presented
def test_the_planned_minutes_are_those_of_the_headings(path):
    notebook = read(path)
    planned = plan(notebook)
    total = int(re.search(r"\((\d+) min\)", notebook.cells[0].source)[1])
    minutes = [int(said[1]) for heading in sections(notebook) if (said := re.search(r"\((\d+) min\)$", heading))]
    assert [group[-1].ends - group[0].starts for group in planned] == [0, *(60 * length for length in minutes)]
    every = [slide for group in planned for slide in group]
    assert every[0].starts == 0
    assert every[-1].ends == 60 * total
    assert all(one.ends == after.starts for one, after in pairwise(every))
