"""Widgets drawn ahead: every setting once, in words and SVG that do not depend on what was drawn before."""

import base64
import gzip
import json
import re

import ipywidgets
import pytest
from bs4 import BeautifulSoup
from markupsafe import escape
from matplotlib.figure import Figure
from shared.notebooks import NOTEBOOKS

from course_lib.classroom.canvas import Canvas
from course_lib.classroom.controls import choice
from course_lib.classroom.controls import slider as float_slider
from course_lib.classroom.demo import Demo
from course_lib.publish.flipbook import Drawing, draw, pack, slider
from course_lib.publish.flipbooks import WIDGETS, flipbook
from course_lib.publish.pen import Pen, inked
from course_lib.publish.stored import read

# what a page cannot draw ahead: it asks people, or shows what a training on this machine left
WITHOUT = {"annotator", "stand-in", "clip-cloud"}
QUICK = "ratings-demo"


class Dot(Demo):
    """A dot that moves, words beside it, a table under it; the axes are drawn anew for each colour."""

    def __init__(self):
        self.figure = Figure(figsize=(3, 2), layout="none")
        self.ax = self.figure.subplots()
        self.ax.set(xlim=(0, 1), ylim=(0, 1))
        (self.dot,) = self.ax.plot([], [], "o")
        self.words = self.ax.text(0, 0, "")
        self.table = ipywidgets.HTML()
        controls = {
            "colour": choice("colour", {"red": "r", "blue": "b"}, "b"),
            "at": float_slider("at", 0.5, least=0.0, most=1.0),
        }
        super().__init__(Canvas(self.figure, [self.words, self.dot]), controls)
        self.children = [*self.children, self.table]

    def show(self, *, colour, at):
        if self.ax.get_title(loc="left") != colour:
            self.ax.set_title(colour, loc="left")
            self.canvas.redraw()
        self.dot.set_data([at], [at])
        self.words.set_text(f"<{at:.1f}>")
        self.table.value = f"<b>{colour}</b>"
        return f"{colour} & {at:.1f}"


def unpacked(packed):
    return json.loads(gzip.decompress(base64.b64decode(packed)))


def forms(packed, page):
    return [part["forms"][part["pages"][page]] for part in unpacked(packed)]


def test_every_setting_has_a_page_in_the_order_of_the_sliders():
    book = draw(Dot(), name="dot", steps={"at": 0.5})
    assert [(each.name, list(each.words), each.start) for each in book.sliders] == [
        ("colour", ["red", "blue"], 1),
        ("at", ["0.0", "0.5", "1.0"], 1),
    ]
    assert [forms(book.packed, page)[-2] for page in range(6)] == [
        f"{colour} &amp; {at}" for colour in "rb" for at in ("0.0", "0.5", "1.0")
    ]
    assert forms(book.packed, 4) == book.open.parts


def test_what_does_not_change_is_kept_once():
    standing, *moving, says, table = unpacked(draw(Dot(), name="dot", steps={"at": 0.5}).packed)
    assert len(standing["forms"]) == len(table["forms"]) == 2  # one for each colour
    assert [len(part["forms"]) for part in moving] == [3, 3]  # one for each place
    assert len(says["forms"]) == 6


@inked()
def test_a_page_is_the_same_whatever_was_drawn_before():
    one, other = Drawing(Dot(), name="dot"), Drawing(Dot(), name="dot")
    for colour in "rb":
        one.page({"colour": colour, "at": 0.1})
    assert one.page({"colour": "r", "at": 0.7}) == other.page({"colour": "r", "at": 0.7})


@inked()
def test_artists_lie_over_each_other_as_in_the_picture():
    demo = Dot()
    page = Drawing(demo, name="dot").page({"colour": "r", "at": 0.1})
    assert demo.dot.get_zorder() < demo.words.get_zorder()
    assert len(page.drawn) == 3
    assert "#dot-DejaVuSans" in page.drawn[2]
    assert "#dot-DejaVuSans" not in page.drawn[1]


def test_what_is_referred_to_by_name_is_defined_once():
    book = draw(Dot(), name="dot", steps={"at": 0.5})
    svg = "".join(part for part in book.open.drawn)
    defined = re.findall(r'id="([^"]+)"', book.definitions)
    assert len(defined) == len(set(defined))
    assert set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg)) <= {(name, "") for name in defined} | {
        ("", name) for name in defined
    }
    assert "id=" not in svg
    assert "<style" not in svg + book.definitions


@inked()
def test_a_pen_writes_what_is_drawn_and_nothing_twice():
    figure = Figure(figsize=(2, 1))
    line = figure.subplots().plot([0, 1])[0]
    pen = Pen(figure)
    assert pen.size == (144, 72)
    assert pen.write(line).count("<path") == 1
    assert pen.write(line).count("<path") == 1


def test_a_slider_stops_at_its_own_steps_or_wider_ones():
    whole = slider(ipywidgets.IntSlider(1, 0, 3, description="step"))
    assert (whole.values, whole.words, whole.start) == ([0, 1, 2, 3], ["0", "1", "2", "3"], 1)
    wide = slider(float_slider("at", -0.5, least=-1.0, most=1.0), 0.5)
    assert (wide.values, wide.words[0], wide.start) == ([-1.0, -0.5, 0.0, 0.5, 1.0], "−1.0", 1)
    fine = slider(float_slider("at", 0.2, least=0.0, most=0.5, step=0.01), 0.05)
    assert fine.words[4] == "0.20"
    place = slider(ipywidgets.IntSlider(0, 0, 40, readout=False))
    assert place.words[40] == "41 of 41"


def test_a_step_that_misses_the_value_is_refused():
    with pytest.raises(ValueError, match="not in list"):
        slider(float_slider("at", 0.3, least=0.0, most=1.0), 0.5)


def test_packed_text_is_unpacked_and_kept_once():
    assert unpacked(pack([["π", "b", "π"]])) == [{"forms": ["π", "b"], "pages": [0, 1, 0]}]


def stored_words():
    """The words that the widgets of the notebooks left, by the ids of their cells."""
    cells = [cell for path in NOTEBOOKS for cell in read(path).cells]
    outputs = [(cell.id, output) for cell in cells for output in cell.get("outputs", [])]
    return {
        cell_id: output.data["text/plain"]
        for cell_id, output in outputs
        if output.output_type == "execute_result" and "image/png" in output.data
    }


def test_every_widget_that_needs_no_training_is_drawn_ahead():
    assert stored_words().keys() == WIDGETS.keys() | WITHOUT


@pytest.mark.parametrize("cell_id", WIDGETS)
def test_a_page_opens_with_the_words_that_the_notebook_has(cell_id):
    assert WIDGETS[cell_id].make().says == stored_words()[cell_id]


def test_a_flipbook_has_labels_words_and_a_picture_without_script():
    book = BeautifulSoup(flipbook(QUICK), "html.parser")
    says = stored_words()[QUICK]
    assert book.label.text.startswith("all agree → people split")
    assert book.label.input["aria-valuetext"] == book.output.text == "21 of 41"
    assert (book.svg["role"], book.svg["aria-label"], book.figcaption.text) == ("img", says, says)
    assert len(book.svg.find_all("g", {"data-part": True})) == len(unpacked(book.script.text)) - 1
    assert escape(says) in flipbook(QUICK)
