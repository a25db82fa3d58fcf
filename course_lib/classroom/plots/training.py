"""Curves of a training that may still be running: one small picture a metric."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from course_lib.classroom.plots.curves import metric
from course_lib.classroom.style import REFERENCE, REWARD_MODEL, ink, label, styled
from course_lib.classroom.words import number
from course_lib.training.record import Record

WINDOW = 20  # of so many parts of the run so far, one is averaged to smooth a curve
Marks = Mapping[str, Mapping[str, float]]


def training_figure(records: Sequence[Record], names: Sequence[str], marks: Marks) -> Figure:
    """Draw one picture for each of the named metrics; `marks` name levels to compare with, by metric."""
    with styled():
        figure = Figure(figsize=(min(4.6 * len(names), 9.6), 3.4), layout="none")  # no search for room: twice as fast
        figure.subplots_adjust(left=0.07, right=0.99, bottom=0.18, top=0.88, wspace=0.16)
        for ax, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
            draw_metric(ax, records, name, marks=marks.get(name, {}))
    return figure


def draw_metric(ax: Axes, records: Sequence[Record], name: str, *, marks: Mapping[str, float]) -> None:
    """Draw a metric where it was measured: pale as it is, strong as a running mean, its last mean as a number."""
    steps, values = measured(records, name)
    for level in marks.values():
        ax.axhline(level, color=REFERENCE, linewidth=1.2, linestyle=(0, (4, 3)))
    smooth = running_mean(values, max(1, len(values) // WINDOW))
    ax.plot(steps, values, color=REWARD_MODEL, linewidth=1, alpha=0.3)
    ax.plot(steps, smooth, color=REWARD_MODEL)
    ax.set_xlim(0, 1.24 * max(steps, default=1))
    for text, level in marks.items():
        label(ax, float(ax.get_xlim()[1]), level, text, REFERENCE, gap=3.0, size=10.5)
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    ax.yaxis.set_major_locator(MaxNLocator(5))
    ax.set_xlabel("step")
    ax.set_title(name.replace("_", " "))
    if len(steps):
        ax.plot(steps[-1], smooth[-1], "o", color=REWARD_MODEL, markersize=7)
        place = {"xytext": (9, 0), "textcoords": "offset points", "va": "center"}
        ax.annotate(
            number(smooth[-1], "{:z.2f}"), (steps[-1], smooth[-1]), color=ink(REWARD_MODEL), weight="bold", **place
        )


def measured(records: Sequence[Record], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps at which a metric was measured, and its values there."""
    if not any(name in record for record in records):
        return np.zeros(0), np.zeros(0)
    values = metric(records, name)
    steps = np.array([record.get("step", place) for place, record in enumerate(records, start=1)], dtype=float)
    return steps[np.isfinite(values)], values[np.isfinite(values)]


def running_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Average each value with those before it, `window` of them in all, fewer at the start."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - window, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)
