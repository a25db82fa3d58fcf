"""Pictures as SVG, artist by artist, so that what stands still need not be written again."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.figure import Figure

from course_lib.classroom.style import styled

DOTS = 72  # an inch, as matplotlib's SVG has it
DEFINITIONS = re.compile(r"<defs>(.*?)</defs>")
BETWEEN_TAGS = re.compile(r"(?<=>)\s+(?=<)")


@contextmanager
def inked() -> Iterator[None]:
    """While it lasts a pen writes in the course's style, and the same names for the same things."""
    with styled(), mpl.rc_context({"svg.hashsalt": "", "svg.fonttype": "path"}):
        yield


class Pen(RendererSVG):
    """Writes artists of one figure as SVG, within `inked()`: the same text for the same drawing, in whatever order.

    Letters are outlines, so they look alike without the font. What artists refer to by name, such as these outlines,
    is defined once all are written.
    """

    def __init__(self, figure: Figure):
        figure.dpi = DOTS
        self.text, self.found = io.StringIO(), []
        self.size = tuple(round(inches * DOTS, 2) for inches in figure.get_size_inches())
        super().__init__(*self.size, self.text, image_dpi=DOTS)
        self.writer.comment = lambda words: None
        self._written()
        self.found.clear()  # a style that would hold for the whole page

    def open_group(self, s: str, gid: str | None = None) -> None:
        """Write no group, which would have a number that counts up."""

    def close_group(self, s: str) -> None:
        """Close none either."""

    def write(self, artist: Artist) -> str:
        """Return an artist as SVG."""
        artist.draw(self)
        return self._written()

    def define(self) -> str:
        """Return what the artists that were written refer to, once, at the end."""
        self.finalize()
        self._written()
        return "".join(self.found)

    def _written(self) -> str:
        """Take what has been written since the last time, and set the definitions in it apart."""
        text = " ".join(self.text.getvalue().split())
        self.text.seek(0)
        self.text.truncate()
        self.found += DEFINITIONS.findall(text)
        return BETWEEN_TAGS.sub("", DEFINITIONS.sub("", text)).strip()
