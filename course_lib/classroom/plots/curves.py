"""The curves of a PPO run: one panel a question, each with a sentence that says how to read it."""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from course_lib.classroom.plots.labels import spread_out, write_beside
from course_lib.classroom.style import GOLD, JUDGE, NEGATIVE, POLICY, REFERENCE, REWARD_MODEL, ink, styled
from course_lib.classroom.words import number
from course_lib.training.files.errors import CourseError
from course_lib.training.record import LOOKING_ON, Record
from course_lib.training.texts import SIGNS

Steps = Float[np.ndarray, " steps"]


@dataclass(frozen=True)
class Line:
    """One metric of the run: its name in `metrics.jsonl`, its colour, how its last value is written, its name."""

    metric: str
    colour: str = POLICY
    number: str = "{:z.2f}"
    name: str = ""


@dataclass(frozen=True)
class Panel:
    """One small picture: title, unit, lines, how to read it, which values are always in view, a labelled zero line."""

    title: str
    unit: str
    lines: tuple[Line, ...]
    meaning: str
    in_view: tuple[float, ...] = (0.0,)
    lowest: float = -np.inf
    zero: str = ""


PANELS = (
    Panel(
        "Score",
        "standard deviations",
        (Line("score", REWARD_MODEL, "{:+z.2f}"),),
        "What the reward model says of the texts; 0 is the average text of the model before training.",
        zero="before training",
    ),
    Panel(
        "Independent judge",
        "VADER compound, −1 to 1",
        (Line("judge", JUDGE, "{:+z.2f}"),),
        "What a judge says that PPO never sees; if the score rises and this falls, the reward model is being fooled.",
        zero="neutral",
    ),
    Panel(
        "KL from the reference",
        "nats per response",
        (Line("kl"),),
        "How far the policy has moved from the model it started as; the KL penalty pulls it back.",
    ),
    Panel(
        "Response length",
        "tokens",
        (Line("response_length", number="{:.1f}"),),
        "How long the texts are; a policy that pads or stops early to please the reward model shows here.",
    ),
    Panel(
        "Texts that end by themselves",
        "share of responses",
        (Line("eos_share", number="{:.0%}"),),
        "How many responses reach the end-of-text token before they are cut off.",
        in_view=(0.0, 1.0),
    ),
    Panel(
        "Variety",
        "share",
        (
            Line("distinct_2", number="{:.0%}", name="distinct word pairs"),
            Line("top_word_share", NEGATIVE, "{:.0%}", "most frequent word"),
        ),
        "How many neighbouring word pairs are different ones, and how much of the text is one word: "
        "the first falls and the second rises as texts become all alike.",
        in_view=(0.0, 1.0),
    ),
    Panel(
        "Entropy",
        "nats per token",
        (Line("entropy"),),
        "How undecided the policy still is about its next token; near 0 it always writes the same.",
    ),
    Panel(
        "Clip fraction",
        "share of tokens",
        (Line("clip_fraction", number="{:.0%}"),),
        "How many tokens the clipped objective held back from a larger step.",
    ),
    Panel(
        "Explained variance",
        "1 is perfect",
        (Line("explained_variance"),),
        "How much of the returns the value function foresaw; at or below 0 it is no help.",
        in_view=(0.0, 1.0),
        lowest=-1.0,
        zero="no help",
    ),
)


LOOKS_ON = Panel(
    "People’s reward model",
    "standard deviations",
    (Line(LOOKING_ON, GOLD, "{:+z.2f}"),),
    "What the reward model that learned from people says, which PPO does not please here; if your reward rises and "
    "this does not, your reward is being fooled.",
    zero="before training",
)


def panels_of(metrics: Sequence[Record]) -> tuple[Panel, ...]:
    """The panels of a run: where it pleased a reward of a student's own, the reward model stands beside it."""
    if LOOKING_ON not in metrics[0]:
        return PANELS
    own = [replace(panel, meaning=panel.meaning.replace("the reward model", "your reward")) for panel in PANELS]
    return (replace(own[0], title="Your reward"), LOOKS_ON, *own[1:])


def metric(metrics: Sequence[Record], name: str) -> Steps:
    """Return one metric over the steps, NaN where it was not measured. CourseError where no record has it."""
    if not any(name in record for record in metrics):
        raise CourseError(f"Expected {name!r} in the records of the run, but none has it; run the training again.")
    values = [record.get(name) for record in metrics]
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def draw_curve(ax: Axes, steps: Steps, values: Steps, *, line: Line) -> None:
    """Draw one metric over the steps, and a point at its end."""
    ax.plot(steps, values, color=line.colour, marker="o" if len(steps) == 1 else None)
    last = np.flatnonzero(np.isfinite(values))[-1:]
    ax.plot(steps[last], values[last], "o", color=line.colour, markersize=7, clip_on=False, in_layout=False)


def write_last_values(ax: Axes, steps: Steps, curves: Sequence[tuple[Line, Steps]]) -> None:
    """Write the last value of each curve right of its end, or at the edge of the axes, apart from the others."""
    measured = [(line, values, np.flatnonzero(np.isfinite(values))[-1]) for line, values in curves]
    heights = spread_out([np.clip(values[last], *ax.get_ylim()) for _, values, last in measured], ax, apart=0.09)
    for (line, values, last), height in zip(measured, heights, strict=True):
        place = {"xytext": (9, 0), "textcoords": "offset points", "va": "center", "annotation_clip": False}
        words = number(values[last], line.number)
        ax.annotate(words, (steps[last], height), color=ink(line.colour), weight="bold", **place)


def name_lines(ax: Axes, metrics: Sequence[Record], panel: Panel) -> None:
    """Write the names of a panel's curves and of its zero line where they cover as little as can be."""
    steps = metric(metrics, "step")
    paths = {line: np.column_stack([steps, metric(metrics, line.metric)]) for line in panel.lines}
    drawn = {line: path[seen] for line, path in paths.items() if (seen := np.isfinite(path[:, 1])).any()}
    names = [(*path[len(path) // 4], line.name, line.colour) for line, path in drawn.items() if line.name]
    zero = np.column_stack([ax.get_xlim(), (0.0, 0.0)])
    of_zero = [(*zero[1], panel.zero, REFERENCE)] if panel.zero else []
    write_beside(ax, [*names, *of_zero], paths=[*drawn.values(), zero])


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
    for line, values in curves:
        draw_curve(ax, steps, values, line=line)
        if degrades_at is not None:
            draw_degradation(ax, steps, values, degrades_at=degrades_at)
    write_last_values(ax, steps, [curve for curve in curves if np.isfinite(curve[1]).any()])
    ax.set_title(panel.title, pad=26)
    unit = f"{panel.unit}, {_coefficient(metrics)}" if panel.lines[0].metric == "kl" else panel.unit
    ax.annotate(unit, (0, 1), xycoords="axes fraction", xytext=(0, 8), textcoords="offset points", fontsize=12)


def draw_panels(
    axes: Sequence[Axes], metrics: Sequence[Record], panels: Sequence[Panel], *, degrades_at: int | None = None
) -> None:
    """Draw panels of a run's curves; where other things stand in the figure too, draw them first."""
    for ax, panel in zip(axes, panels, strict=True):
        draw_panel(ax, metrics, panel, degrades_at=degrades_at)
    axes[0].figure.draw_without_rendering()  # the layout settles
    for ax, panel in zip(axes, panels, strict=True):
        name_lines(ax, metrics, panel)


def draw_run(metrics: Sequence[Record], *, degrades_at: int | None = None) -> Figure:
    """Draw all panels of a run as one figure, the picture that a run leaves as `curves.png`."""
    with styled():
        panels = panels_of(metrics)
        rows = math.ceil(len(panels) / 3)
        figure = Figure(figsize=(14, 11 * rows / 3))
        figure.get_layout_engine().set(w_pad=0.2, h_pad=0.2)
        if degrades_at is not None:
            note = textwrap.fill(f"Dotted line: step {degrades_at}, the first with a sign of degradation: {SIGNS}", 110)
            figure.suptitle(note, x=0.01, ha="left", color=ink(NEGATIVE), fontsize=13, weight="bold")
        axes = [figure.add_subplot(rows, 3, number) for number in range(1, len(panels) + 1)]
        draw_panels(axes, metrics, panels, degrades_at=degrades_at)
    return figure


def _set_limits(ax: Axes, steps: Steps, values: Float[np.ndarray, " values"], panel: Panel) -> None:
    """Choose the axes: every value in view, and room at the right for the last value's number."""
    shown = np.concatenate([values[np.isfinite(values)], panel.in_view]).clip(panel.lowest)
    low, high = shown.min(), shown.max()
    margin = 0.08 * (high - low) or 1.0
    below = 2 * margin if panel.zero else margin if low < 0 else 0.0  # the name of a zero line may stand under it
    ax.set_ylim(low - below, high + margin)
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
