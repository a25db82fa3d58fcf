"""Words beside points and curves that give way to each other."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

# round a point, as offsets in points with the side of the words that is flush, near before far
PLACES = [
    (far * x, far * y, ha, va)
    for far in (1, 1.8, 3)
    for x, y, ha, va in (
        (5, -5, "left", "top"),
        (-5, 5, "right", "bottom"),
        (5, 5, "left", "bottom"),
        (-5, -5, "right", "top"),
        (8, 0, "left", "center"),
        (-8, 0, "right", "center"),
        (0, 8, "center", "bottom"),
        (0, -8, "center", "top"),
    )
]
POINT = 5  # pixels from the middle of a mark to its edge


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


def give_way(labels: Sequence[Annotation]) -> None:
    """Move each label, all in one picture, to the first place round its point where it covers nothing.

    Where there is none, to the place where it covers least. To be called when all else is drawn.
    """
    ax = labels[0].axes
    canvas = FigureCanvasAgg(ax.figure)
    canvas.draw()  # which lays it out
    renderer = canvas.get_renderer()
    others = [text for text in ax.figure.findobj(Text) if text not in labels and text.get_text().strip()]
    taken = [Text.get_window_extent(text, renderer) for text in others if text.get_visible()]
    drawn = np.concatenate([points_along(ax, line) for line in ax.lines])
    for label in labels:
        costs = []
        for place in PLACES:
            move(label, *place)
            box = Text.get_window_extent(label, renderer)
            words = sum(box.overlaps(other) for other in taken)
            outside = box.x0 < ax.bbox.x0 or box.x1 > ax.bbox.x1 or box.y0 < ax.bbox.y0 or box.y1 > ax.bbox.y1
            costs.append(1000 * words + 100 * outside + covered(box, drawn))
        move(label, *PLACES[int(np.argmin(costs))])
        taken.append(Text.get_window_extent(label, renderer))


def move(label: Annotation, x: float | int, y: float | int, ha: str, va: str) -> None:
    """Set a label beside its point."""
    label.set(position=(x, y), ha=ha, va=va)


def points_along(ax: Axes, line) -> np.ndarray:
    """Pixels on a line, a few apart."""
    corners = line.get_transform().transform(line.get_xydata().astype(float))
    if line.get_linestyle() == "None" or len(corners) < 2:
        return corners
    return np.concatenate([np.linspace(start, end, 24) for start, end in pairwise(corners)])


def covered(box: Bbox, points: np.ndarray) -> int:
    """How many of these pixels lie under a box, or so near that a mark there would reach it."""
    return int(
        (
            (points[:, 0] > box.x0 - POINT)
            & (points[:, 0] < box.x1 + POINT)
            & (points[:, 1] > box.y0 - POINT)
            & (points[:, 1] < box.y1 + POINT)
        ).sum()
    )
