"""A widget drawn ahead: what it shows at every setting of its controls, for a page without Python.

Each thing that moves, an artist of the picture, the sentence or a table, is kept once for each form that it takes; a
page of the flipbook says which of them stand together.
"""

import base64
import gzip
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import product

import ipywidgets as widgets
from markupsafe import Markup

from course_lib.classroom.demo import Demo
from course_lib.classroom.words import number
from course_lib.publish.pen import Pen, inked

NAMES = re.compile(r'(\bid="|href="#|url\(#)')  # where SVG names something, or refers to it


@dataclass(frozen=True)
class Slider:
    """A control as a page has it: its name, the values where it stops, their words, and where among them it begins."""

    name: str
    values: Sequence
    words: Sequence[str]
    start: int


@dataclass(frozen=True)
class Page:
    """What a widget shows at one setting, in HTML and SVG: its sentence, its artists from back to front, and tables."""

    before: list[str]
    drawn: list[str]
    says: str
    after: list[str]

    @property
    def parts(self) -> list[str]:
        """All of it, from top to bottom."""
        return [*self.before, *self.drawn, self.says, *self.after]


class Drawing:
    """Draws the pages of one demo, in any order, within `inked()`."""

    def __init__(self, demo: Demo, *, name: str):
        self.demo, self.name = demo, name
        self.pen = Pen(demo.canvas.canvas.figure)
        self.background = None
        tables = [child for child in demo.children if type(child) is widgets.HTML and child is not demo.sentence]
        place = tables.index(demo.picture)
        self.before, self.after = tables[:place], tables[place + 1 :]
        self.moving = sorted(demo.canvas.moving, key=lambda artist: artist.get_zorder())

    def page(self, values: Mapping[str, object]) -> Page:
        """Return what the demo shows at these values of its controls."""
        says, canvas = self.demo.show(**values), self.demo.canvas
        if canvas.background is not self.background:  # it was drawn anew
            self.background = canvas.background
            self.standing = self.own_names(self.pen.write(canvas.canvas.figure))
        moving = [self.own_names(self.pen.write(artist)) for artist in self.moving]
        before, after = ([table.value for table in tables] for tables in (self.before, self.after))
        return Page(before, [self.standing, *moving], escape(says), after)

    def own_names(self, svg: str) -> str:
        """Let names in SVG begin with the flipbook's, since a page may have several."""
        return NAMES.sub(rf"\1{self.name}-", svg)


@dataclass(frozen=True)
class Flipbook:
    """The sliders of a widget, the page at which it is open, and all its pages, packed."""

    name: str
    sliders: list[Slider]
    open: Page
    size: tuple[float, float]
    definitions: Markup
    packed: str


def draw(demo: Demo, *, name: str, steps: Mapping[str, float] | None = None) -> Flipbook:
    """Draw a demo at every setting; `steps` are those of sliders that would stop too often.

    The page at which it opens is that of the demo's own values. ValueError where a step misses one of them.
    """
    sliders = {key: slider(control, (steps or {}).get(key)) for key, control in demo.controls.items()}
    drawing, pages = Drawing(demo, name=name), []
    opens = [each.values[each.start] for each in sliders.values()]
    with inked():
        for values in product(*(each.values for each in sliders.values())):
            pages.append(drawing.page(dict(zip(sliders, values, strict=True))))
            if list(values) == opens:
                opened = pages[-1]
        definitions = Markup(drawing.own_names(drawing.pen.define()))
    packed = pack(list(zip(*(page.parts for page in pages), strict=True)))
    return Flipbook(name, list(sliders.values()), opened, drawing.pen.size, definitions, packed)


def slider(control: widgets.Widget, step: float | None = None) -> Slider:
    """Return a control of a widget as a page has it. ValueError where none of its stops is the control's value."""
    if isinstance(control, widgets.FloatSlider | widgets.IntSlider):
        step = step or control.step
        count = 1 + round((control.max - control.min) / step)
        values = [round(control.min + place * step, 6) for place in range(count)]
        words = [number(value, f"{{:{control.readout_format}}}") for value in values]
        if not control.readout:
            words = [f"{place} of {count}" for place in range(1, 1 + count)]
    else:
        words, values = zip(*control._options_full, strict=True)
    return Slider(control.description, values, words, values.index(control.value))


def pack(parts: Sequence[Sequence[str]]) -> str:
    """Pack what each part shows, page by page: its different forms, and for each page the number of one."""
    packed = []
    for shown in parts:
        forms = {form: place for place, form in enumerate(dict.fromkeys(shown))}
        packed.append({"forms": list(forms), "pages": [forms[form] for form in shown]})
    text = json.dumps(packed, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
