"""The words of a picture as they are drawn, and which of them cannot be read."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from unittest import mock

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

SLACK = 2  # pixels: a box is a little larger than its letters
Words = list[tuple[str, Bbox]]


@contextmanager
def noting() -> Iterator[Words]:
    """Note what is written while something is drawn; slanted words, whose boxes are too large, are left out."""
    found, draw = [], Text.draw

    def noted(text, renderer):
        if text.get_visible() and text.get_text().strip() and text.get_rotation() % 90 == 0:
            found.append((text.get_text(), Text.get_window_extent(text, renderer)))  # without its arrow
        draw(text, renderer)

    with mock.patch.object(Text, "draw", noted):
        yield found


def badly_set(words: Words, figure: Figure) -> set[tuple[str, str]]:
    """The pairs of words that lie over each other, and the words that the picture's edge cuts off."""
    width, height = figure.bbox.max
    page = Bbox([[-SLACK, -SLACK], [width + SLACK, height + SLACK]])
    pairs = {(text, "the edge") for text, box in words if (Bbox.union([page, box]).extents != page.extents).any()}
    for (one, box), (other, also) in combinations(words, 2):
        both = Bbox.intersection(box, also)
        if both and both.width > SLACK and both.height > SLACK:
            pairs.add((one, other))
    return pairs


def badly_set_in(figure: Figure) -> set[tuple[str, str]]:
    """The same of a figure, as it is drawn."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # which lays it out
    with noting() as words:
        canvas.draw()
    return badly_set(words, figure)
