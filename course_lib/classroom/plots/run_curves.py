"""The curves of a PPO run that still grows, over the curves of recorded runs in grey."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator, PercentFormatter

from course_lib.classroom.canvas import Canvas
from course_lib.classroom.plots.curves import Steps, metric
from course_lib.classroom.plots.panels import Panel
from course_lib.classroom.style import NEGATIVE, REFERENCE, ink, styled
from course_lib.classroom.words import number
from course_lib.training.record import Record

ROOM = 0.36  # of the width, right of the last step, for the last value's number
BETWEEN = 0.75  # inches between two rows, for ticks, title and unit


class RunCurves:
    """One small picture a panel: a run in colour, other runs in grey behind it, dotted lines where a setting moved.

    `size` is that of the whole in inches, `ghost_name` says under it what the grey runs are. `views` fixes the vertical
    axis of some metrics; a curve may leave it, its last number stays at the edge.
    """

    def __init__(
        self,
        panels: Sequence[Panel],
        *,
        steps: int,
        ghosts: Sequence[Sequence[Record]] = (),
        ghost_name: str = "",
        views: Mapping[str, tuple[float, float]] | None = None,
        size: tuple[float, float] = (10.0, 5.5),
    ):
        self.panels, self.views = tuple(panels), views or {}
        with styled():
            self.figure, self.axes = panel_grid(math.ceil(len(self.panels) / 3), size, foot=0.2 if ghost_name else 0.0)
            self.figure.text(0.01, 0.01, ghost_name, color=ink(REFERENCE), fontsize=10.5, va="bottom")
            self.moving = [
                draw_panel_background(ax, panel, ghosts, steps=steps)
                for ax, panel in zip(self.axes, self.panels, strict=True)
            ]
            for ax, panel in zip(self.axes, self.panels, strict=True):
                if panel.lines[0].metric in self.views:
                    ax.set_ylim(self.views[panel.lines[0].metric])
            self._new_canvas()

    def _new_canvas(self) -> None:
        self.canvas = Canvas(self.figure, [artist for artists in self.moving for artist in artists])

    def png(self, metrics: Sequence[Record], *, moved_at: Sequence[int] = ()) -> bytes:
        """Draw the records of the run so far, as `move` places them."""
        self.move(metrics, moved_at=moved_at)
        return self.canvas.png()

    def move(self, metrics: Sequence[Record], *, moved_at: Sequence[int] = ()) -> None:
        """Move all curves to the records so far; `moved_at` are the steps before which a setting was changed."""
        outgrown = False
        for ax, panel, artists in zip(self.axes, self.panels, self.moving, strict=True):
            values = metric(metrics, panel.lines[0].metric) if metrics else np.array([])
            outgrown |= panel.lines[0].metric not in self.views and make_room(ax, values, panel)
            show_panel(artists, metrics, panel, moved_at=moved_at)
        if outgrown:
            with styled():
                self._new_canvas()


def panel_grid(rows: int, size: tuple[float, float], *, foot: float) -> tuple[Figure, list[Axes]]:
    """Lay out rows of three panels on `size` inches, with `foot` of them for words under all."""
    width, height = size
    figure = Figure(figsize=size, layout="none")
    bottom = (0.27 + foot) / height
    each = (height * (1 - bottom) - 0.48 - BETWEEN * (rows - 1)) / rows
    figure.subplots_adjust(0.52 / width, bottom, 0.99, 1 - 0.48 / height, wspace=0.28, hspace=BETWEEN / each)
    return figure, list(figure.subplots(rows, 3).flat)


def draw_panel_background(
    ax: Axes, panel: Panel, ghosts: Sequence[Sequence[Record]], *, steps: int
) -> tuple[Line2D, Line2D, Text, Line2D]:
    """Draw what stands still in a panel; return its curve, last point, last number and dotted lines, still empty."""
    line = panel.lines[0]
    recorded = [metric(ghost, line.metric) for ghost in ghosts]
    for ghost, values in zip(ghosts, recorded, strict=True):
        ax.plot(metric(ghost, "step"), values, color=REFERENCE, linewidth=1.6, alpha=0.55, zorder=1.5)
    ax.set_ylim(limits(np.concatenate([*recorded, [0.0]]), panel))
    ax.set_xlim(1, max(steps, 2) * (1 + ROOM))
    ax.set_xticks(sorted({1, *(tick for tick in range(10, steps, 10) if tick < 0.9 * steps), steps}))
    ax.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    if panel.unit.startswith("share"):
        ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    if panel.zero:
        ax.axhline(0, color=REFERENCE, linewidth=1.2, zorder=1)
    ax.set_title(panel.title, pad=19, fontsize=11)
    ax.annotate(panel.unit, (0, 1), xycoords="axes fraction", xytext=(0, 5), textcoords="offset points", fontsize=10.5)
    ax.tick_params(labelsize=10.5)
    (curve,) = ax.plot([], [], color=line.colour)
    (point,) = ax.plot([], [], "o", color=line.colour, markersize=6)
    words = ax.text(0, 0, "", color=ink(line.colour), weight="bold", va="center", fontsize=11)
    (moves,) = ax.plot([], [], color=NEGATIVE, linewidth=1.2, linestyle=(0, (2, 2)), transform=ax.get_xaxis_transform())
    return curve, point, words, moves


def show_panel(
    artists: tuple[Line2D, Line2D, Text, Line2D], metrics: Sequence[Record], panel: Panel, *, moved_at: Sequence[int]
) -> None:
    """Move a panel's artists to the records of the run."""
    curve, point, words, moves = artists
    line = panel.lines[0]
    steps, values = (metric(metrics, name) if metrics else np.array([]) for name in ("step", line.metric))
    curve.set_data(steps, values)
    moves.set_data(np.repeat(moved_at, 3) - 0.5, np.tile([0.0, 1.0, np.nan], len(moved_at)))
    measured = np.flatnonzero(np.isfinite(values))
    last = measured[-1:]
    point.set_data(steps[last], values[last])
    words.set_visible(len(last) > 0)
    if len(last):
        low, high = curve.axes.get_ylim()
        x, y = steps[last[0]] + 0.03 * curve.axes.get_xlim()[1], values[last[0]]
        words.set_position((x, min(max(y, low + 0.04 * (high - low)), high - 0.04 * (high - low))))
        words.set_text(
            number(y, line.number) if low <= y <= high else f"{'↑' if y > high else '↓'} {number(y, '{:.0f}')}"
        )


def limits(values: Steps, panel: Panel) -> tuple[float, float]:
    """Choose the vertical axis: every value in view, with a margin."""
    shown = np.concatenate([values[np.isfinite(values)], panel.in_view]).clip(panel.lowest)
    low, high = shown.min(), shown.max()
    margin = 0.12 * (high - low) or 1.0
    return (low - margin if low < 0 or panel.zero else low), high + margin


def make_room(ax: Axes, values: Steps, panel: Panel) -> bool:
    """Widen the vertical axis if a value is out of view; say whether it was."""
    old = ax.get_ylim()
    needed = limits(values, panel)
    shown = values[np.isfinite(values)].clip(panel.lowest)
    if not len(shown) or (shown.min() >= old[0] and shown.max() <= old[1]):
        return False
    ax.set_ylim(min(old[0], needed[0]), max(old[1], needed[1]))
    return True
