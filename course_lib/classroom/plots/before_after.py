"""A finished run in one picture: its curves, and what the policy wrote before and after."""

import textwrap
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_lib.classroom.plots.curves import draw_panel
from course_lib.classroom.plots.panels import Panel
from course_lib.classroom.style import REWARD_MODEL, ink, styled
from course_lib.classroom.words import number
from course_lib.training.record import Record

Sample = Mapping[str, str | float | int]
"""A held-out prompt as a recording has it: `before` and `after`, and `score_before` and `score_after`."""

TEXTS = 3
LINE, LINES = 46, 3  # letters in a line, lines in a text
COLUMNS = {"before": ("Before training", 0.0), "after": ("After PPO", 0.51)}


def before_after_figure(records: Sequence[Record], panels: Sequence[Panel], samples: Sequence[Sample]) -> Figure:
    """Draw some panels of a run over texts of the same prompts before and after it."""
    with styled():
        figure = Figure(figsize=(11, 5))
        grid = figure.add_gridspec(2, len(panels), height_ratios=(1, 1.2))
        for column, panel in enumerate(panels):
            draw_panel(figure.add_subplot(grid[0, column]), records, panel)
        draw_texts(figure.add_subplot(grid[1, :]), samples[:TEXTS])
    return figure


def draw_texts(ax: Axes, samples: Sequence[Sample]) -> None:
    """Write each prompt's text before and after beside each other, with its score."""
    ax.axis("off")
    ax.set(xlim=(0, 1), ylim=(0, 1))
    for when, (title, left) in COLUMNS.items():
        ax.text(left, 1.0, f"{title}, with scores", weight="bold", va="top", fontsize=14)
        for row, sample in enumerate(samples):
            top = 0.86 - row * 0.88 / TEXTS
            score = number(sample[f"score_{when}"], "{:+z.1f}")
            ax.text(left, top, score, va="top", fontsize=13, color=ink(REWARD_MODEL), weight="bold")
            text = textwrap.fill(str(sample[when]), LINE, max_lines=LINES, placeholder=" …").replace("$", r"\$")
            ax.text(left + 0.06, top, text, va="top", fontsize=13, linespacing=1.15)
