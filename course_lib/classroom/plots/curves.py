"""The curves of a PPO run, one picture a panel."""

import math
import textwrap
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from course_lib.classroom.plots.labels import spread_out
from course_lib.classroom.plots.panels import Line, Panel, panels_of
from course_lib.classroom.style import NEGATIVE, REFERENCE, ink, label, styled
from course_lib.classroom.words import number
from course_lib.training.files.errors import CourseError
from course_lib.training.record import Record
from course_lib.training.texts import SIGNS

Steps = Float[np.ndarray, " steps"]


def metric(metrics: Sequence[Record], name: str) -> Steps:
    """Return one metric over the steps, NaN where it was not measured. CourseError where no record has it."""
    if not any(name in record for record in metrics):
        raise CourseError(f"Expected {name!r} in the records of the run, but none has it; run the training again.")
    values = [record.get(name) for record in metrics]
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def draw_curve(ax: Axes, steps: Steps, values: Steps, *, line: Line, at: float) -> None:
    """Draw one metric over the steps, its last value written at the end of the line, at the height `at`."""
    ax.plot(steps, values, color=line.colour, marker="o" if len(steps) == 1 else None)
    measured = np.flatnonzero(np.isfinite(values))
    if not len(measured):
        return
    first, last = measured[0], measured[-1]
    ax.plot(steps[last], values[last], "o", color=line.colour, markersize=7, clip_on=False)
    ax.annotate(
        number(values[last], line.number),
        (steps[last], at),
        xytext=(9, 0),
        textcoords="offset points",
        va="center",
        color=ink(line.colour),
        weight="bold",
        annotation_clip=False,
    )
    if line.name:
        above = np.nanmax(values[: len(values) // 2 + 1])  # the name stands over the left half of its curve
        label(ax, steps[first], above, line.name, line.colour, side="left")


def last_of(values: Steps) -> float:
    """The last value that was measured; NaN where none was."""
    return next(iter(values[np.isfinite(values)][::-1]), np.nan)


def draw_degradation(ax: Axes, steps: Steps, values: Steps, *, degrades_at: int) -> None:
    """Mark on a curve the first step with a sign of degradation."""
    ax.axvline(degrades_at, color=NEGATIVE, linewidth=1.2, linestyle=(0, (2, 2)), zorder=1)
    value = np.interp(degrades_at, steps, values)
    ax.plot(degrades_at, value, "o", color="white", markeredgecolor=NEGATIVE, markeredgewidth=2, markersize=8)


def draw_panel(ax: Axes, metrics: Sequence[Record], panel: Panel, *, degrades_at: int | None = None) -> None:
    """Draw one panel of a run's curves; a dotted line marks the first step with a sign of degradation."""
    steps = metric(metrics, "step")
    curves = [(line, metric(metrics, line.metric)) for line in panel.lines]
    _set_limits(ax, steps, np.concatenate([values for _, values in curves]), panel)
    if panel.zero:
        ax.axhline(0, color=REFERENCE, linewidth=1.2, zorder=1)
        low, high = ax.get_ylim()
        # at the end of the line, unless the last value stands there
        side = "left" if any(abs(last_of(values)) < 0.16 * (high - low) for _, values in curves) else "right"
        label(ax, ax.get_xlim()[side == "right"], 0.0, panel.zero, REFERENCE, side=side, size=10.5)
    heights = spread_out([last_of(values) for _, values in curves], ax, apart=0.1)
    for (line, values), height in zip(curves, heights, strict=True):
        draw_curve(ax, steps, values, line=line, at=height)
        if degrades_at is not None:
            draw_degradation(ax, steps, values, degrades_at=degrades_at)
    ax.set_title(panel.title, pad=26)
    unit = f"{panel.unit}, {_coefficient(metrics)}" if panel.lines[0].metric == "kl" else panel.unit
    ax.annotate(unit, (0, 1), xycoords="axes fraction", xytext=(0, 8), textcoords="offset points", fontsize=12)


def draw_run(metrics: Sequence[Record], *, degrades_at: int | None = None) -> Figure:
    """Draw all panels of a run as one figure, the picture that a run leaves as `curves.png`."""
    with styled():
        panels = panels_of(metrics)
        rows = math.ceil(len(panels) / 3)
        figure = Figure(figsize=(14, 11 * rows / 3))
        figure.get_layout_engine().set(w_pad=0.2, h_pad=0.2)
        for number, panel in enumerate(panels, start=1):
            draw_panel(figure.add_subplot(rows, 3, number), metrics, panel, degrades_at=degrades_at)
        if degrades_at is not None:
            note = textwrap.fill(f"Dotted line: step {degrades_at}, the first with a sign of degradation: {SIGNS}", 110)
            figure.suptitle(note, x=0.01, ha="left", color=ink(NEGATIVE), fontsize=13, weight="bold")
    return figure


def _set_limits(ax: Axes, steps: Steps, values: Float[np.ndarray, " values"], panel: Panel) -> None:
    """Choose the axes: every value in view, and room at the right for the last value's number."""
    shown = np.concatenate([values[np.isfinite(values)], panel.in_view]).clip(panel.lowest)
    low, high = shown.min(), shown.max()
    margin = 0.08 * (high - low) or 1.0
    ax.set_ylim(low - margin if low < 0 or panel.zero else low, high + margin)
    ax.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    if panel.unit.startswith("share"):
        ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.set_xlim(steps[0], steps[-1] + 0.2 * max(steps[-1] - steps[0], 1))
    ax.spines["bottom"].set_bounds(steps[0], steps[-1])
    ticks = MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]).tick_values(steps[0], steps[-1])
    ax.set_xticks([tick for tick in ticks if steps[0] <= tick <= steps[-1]])
    ax.set_xlabel("PPO step")


def _coefficient(metrics: Sequence[Record]) -> str:
    """Say the KL coefficient of the run: one number, or the first and the last."""
    kl_coef = metric(metrics, "kl_coef")
    first, last = f"{kl_coef[0]:.3g}", f"{kl_coef[-1]:.3g}"
    return f"coefficient {first}" if first == last else f"coefficient {first} to {last}"
