"""What came of a student's choices: shares with their intervals, between a coin and a person."""

import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_lib.classroom.own_model import Estimate, Verdict
from course_lib.classroom.style import PEOPLE, REFERENCE, REWARD_MODEL, ink, label, styled

COIN = (0.5, "a coin")
ONE_PERSON = 0.83  # data/reward-model/results.json


def verdict_figure(verdict: Verdict) -> Figure:
    """Draw the verdict on somebody's choices."""
    with styled():
        figure = Figure(figsize=(9, 3.8))
        draw_verdict(figure.subplots(), verdict)
    return figure


def draw_verdict(ax: Axes, verdict: Verdict) -> None:
    """Draw the agreement with the crowd's reward model, and what three reward models are worth on held-out ratings."""
    certain = Estimate(verdict.crowd, verdict.crowd, verdict.crowd)
    rows = (
        ("these choices and the crowd's model,\non the same pairs", verdict.agreement, PEOPLE, "o"),
        ("learned from these choices alone,\non held-out ratings", verdict.alone, PEOPLE, "s"),
        ("the crowd's model,\nmoved by these choices", verdict.on_crowd, REWARD_MODEL, "s"),
        ("the crowd's model", certain, REWARD_MODEL, "D"),
    )
    draw_shares(ax, rows, levels=(COIN, (ONE_PERSON, "one person")))


def draw_shares(
    ax: Axes,
    rows: Sequence[tuple[str, Estimate, str, str]],
    *,
    levels: Sequence[tuple[float, str]] = (COIN,),
) -> None:
    """Draw shares of pairs with their intervals, each with its name, colour and marker, beside named levels."""
    for height, (_, estimate, colour, marker) in zip(range(len(rows), 0, -1), rows, strict=True):
        ax.plot([estimate.low, estimate.high], [height, height], color=colour, linewidth=7, alpha=0.35)
        ax.plot(estimate.value, height, marker, color=colour, markersize=11, markeredgecolor="white")
        ax.annotate(
            f"{estimate.value:.2f}",
            (estimate.value, height),
            xytext=(0, 9),
            textcoords="offset points",
            ha="center",
            color=ink(colour),
            weight="bold",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )
    for level, name in levels:
        ax.axvline(level, color=REFERENCE, linewidth=1.2, linestyle=(0, (4, 3)), zorder=1)
        label(ax, level, 0.4, name, REFERENCE, side="center", gap=2.0, size=11.0)
    ax.set_yticks(range(len(rows), 0, -1), [name for name, *_ in rows])
    ax.set(xlim=(-0.06, 1.06), ylim=(0.4, len(rows) + 0.7), xlabel="share of pairs where both prefer the same text")
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1])
    ax.grid(axis="y", visible=False)


def pair_figure(prompt: str, left: str, right: str) -> Figure:
    """Draw two texts side by side, as the annotator shows them: what a reader without a kernel sees."""
    with styled():
        figure = Figure(figsize=(9, 2.6), layout="none")
        figure.text(0.02, 0.9, "Which of the two do you like better?", weight="bold")
        for x, text, name in ((0.02, left, "Left"), (0.52, right, "Right")):
            ax = figure.add_axes((x, 0.06, 0.46, 0.74), xticks=[], yticks=[], facecolor="#FBFBFC")
            ax.spines[:].set_visible(True)
            ax.text(0.04, 0.9, name, va="top", fontsize=12, color=REFERENCE, weight="bold")
            ax.text(0.04, 0.68, textwrap.fill(text, 40).replace("$", r"\$"), va="top", fontsize=13)
    return figure
