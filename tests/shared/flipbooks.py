"""What Python draws at a setting of a widget, and what a page shows there."""

import io
import random
from collections.abc import Iterator

import numpy as np
from PIL import Image

from course_lib.classroom.style import styled
from course_lib.publish.flipbook import Drawing, slider
from course_lib.publish.flipbooks import WIDGETS
from course_lib.publish.pen import inked

# the parts of a page that are not what Python wrote; a machine may give the same number another last digit twice
DIFFERS = """(book, expected) => {
  const number = /-?\\d+(?:\\.\\d+)?(?:e-?\\d+)?/g, numbers = text => (text.match(number) ?? []).map(Number);
  const near = others => (value, place) => Math.abs(value - others[place]) < 0.01;
  const alike = (one, other) => one.replace(number, "#") === other.replace(number, "#")
    && numbers(one).every(near(numbers(other)));
  return [...book.querySelectorAll("[data-part]")].map((part, place) => {
    const copy = part.cloneNode(false);
    copy.innerHTML = expected[place];
    const [one, other] = [copy.outerHTML, part.outerHTML];
    return one === other || alike(one, other) ? null : other.slice(0, 200);
  }).filter(Boolean);
}"""
COARSE = 24  # pixels: finer than this, browsers and matplotlib set letters and smooth edges in their own ways


class Widget:
    """A widget of the notebooks, made anew, whose controls are moved as a student moves them."""

    def __init__(self, cell_id: str):
        shown = WIDGETS[cell_id]
        with styled():
            self.demo, self.drawing = shown.make(), Drawing(shown.make(), name=cell_id)
        controls = self.demo.controls.items()
        self.sliders = {name: slider(control, shown.steps.get(name)) for name, control in controls}

    def settings(self, count: int) -> Iterator[dict[str, int]]:
        """Settings at random: for each control the number of a stop."""
        draw = random.Random(0)
        for _ in range(count):
            yield {name: draw.randrange(len(each.values)) for name, each in self.sliders.items()}

    def set(self, setting: dict[str, int]) -> list[str]:
        """Move the controls, and return what a page then shows, part by part."""
        values = {name: self.sliders[name].values[stop] for name, stop in setting.items()}
        with inked():
            for name, value in values.items():
                self.demo.controls[name].value = value
            return self.drawing.page(values).parts


def unlike(one: bytes, other: bytes) -> float:
    """How far two pictures are apart where they differ most, seen from afar: 0 to 255."""
    shown = Image.open(io.BytesIO(one)).convert("RGB")
    drawn = Image.open(io.BytesIO(other)).convert("RGB").resize(shown.size, Image.Resampling.LANCZOS)
    small = [np.asarray(picture.reduce(COARSE), dtype=float) for picture in (shown, drawn)]
    return float(np.abs(small[0] - small[1]).mean(axis=2).max())
