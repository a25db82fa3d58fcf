"""Words beside points, which give way to other words and to what is drawn."""

from collections.abc import Sequence
from itertools import pairwise, product

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.text import Text

from course_lib.classroom.style import ink

Words = tuple[float, float, str, str]
"""A point, the words that stand beside it, and their colour."""
Points = Float[np.ndarray, "_ 2"]
Box = Float[np.ndarray, "2 2"]
"""Lower left and upper right, in pixels."""
REACHES = (7.0, 13.0, 22.0, 34.0)  # pixels between a point and its words, nearest first
SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))
DENSE = 60  # dots that stand for each stretch of a path


def write_beside(ax: Axes, labels: Sequence[Words], *, paths: Sequence[Points], size: float = 11.0) -> None:
    """Write each label where it meets no other words, stays in the axes, and covers as little of the paths as can be.

    A path is points in data coordinates, joined in their order. Call it when the layout has settled
    (`figure.draw_without_rendering()`): limits, titles and ticks are then what they will be.
    """
    frame = ax.get_window_extent().get_points()
    dots = ax.transData.transform(np.concatenate([between(path) for path in paths]))
    taken = [Text.get_window_extent(text).get_points() for text in ax.texts]  # without the leaders of annotations
    for x, y, words, colour in labels:
        style = {"ha": "center", "va": "center", "weight": "bold", "fontsize": size, "in_layout": False}
        text = ax.annotate(words, (x, y), xytext=(0, 0), textcoords="offset points", color=ink(colour), **style)
        there = text.get_window_extent().get_points()
        moves = [np.array(side) * ((there[1] - there[0]) / 2 + reach) for reach, side in product(REACHES, SIDES)]
        costs = [(cost(there + move, taken, frame, dots), place) for place, move in enumerate(moves)]
        move = moves[min(costs)[1]]
        text.set_position(move * 72 / ax.figure.dpi)
        taken.append(there + move)


def cost(box: Box, taken: Sequence[Box], frame: Box, dots: Points) -> float:
    """What a place costs: pixels by which it leaves the frame, dots that it covers, and most, words that it meets."""
    met = sum(bool((box[0] < other[1]).all() and (other[0] < box[1]).all()) for other in taken)
    outside = np.maximum(frame[0] - box[0], 0).sum() + np.maximum(box[1] - frame[1], 0).sum()
    covered = ((box[0] < dots) & (dots < box[1])).all(axis=1).sum()
    return float(1000 * met + outside + 4 * covered)


def between(path: Points) -> Points:
    """Dots on a path, from its first point to its last."""
    places = np.linspace(0, len(path) - 1, DENSE * (len(path) - 1) + 1)
    return np.column_stack([np.interp(places, range(len(path)), column) for column in path.T])


def spread_out(heights: Sequence[float], ax: Axes, *, apart: float = 0.065) -> list[float]:
    """Move heights apart, in their order, so that words at them do not overlap; `apart` is a share of the axis."""
    low, high = ax.get_ylim()
    order, gap = np.argsort(heights), apart * (high - low)
    placed = np.array(heights, dtype=float)
    for _ in range(50):
        for lower, upper in pairwise(order):
            overlap = gap - (placed[upper] - placed[lower])
            if overlap > 0:
                placed[lower] -= overlap / 2
                placed[upper] += overlap / 2
    return placed.tolist()
