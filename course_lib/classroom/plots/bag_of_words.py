"""A picture of PPO against a bag of words: what it says, what people's reward model says, how varied texts stay."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from course_lib.classroom.style import GOLD, POLICY, REFERENCE, REWARD_MODEL, ink, label, styled
from course_lib.classroom.words import number
from course_lib.training.experiments.recordings import Recording
from course_lib.training.record import LOOKING_ON


def bag_of_words_figure(runs: Sequence[Recording]) -> Figure:
    """Draw both scores, and the share of word pairs that differ, at each step: a line the mean, a band the seeds.

    Dashed: the highest score that the bag of words gives to a test sentence, a mean over the seeds' scales.
    """
    steps = len(runs[0].metrics["step"])
    with styled():
        figure = Figure(figsize=(10, 4.4))
        left, right = figure.subplots(1, 2, width_ratios=(3, 2))
        draw_seeds(left, runs, "score", REWARD_MODEL, name="bag of\nwords")
        draw_seeds(left, runs, LOOKING_ON, GOLD, name="people’s\nreward model")
        highest = np.mean([run.before["highest_review"] for run in runs])
        left.axhline(highest, color=REFERENCE, linewidth=1.6, linestyle=(0, (4, 3)))
        label(left, 1.45 * steps, highest, "best of 1,000 reviews", REFERENCE, gap=3.0)
        draw_seeds(right, runs, "distinct_2", POLICY)
        right.set_ylim(0, 1)
        right.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        for ax, title, end in ((left, "Scores (sd)", 1.45 * steps), (right, "Word pairs that differ", steps)):
            ax.set(title=title, xlabel="PPO step", xlim=(1, end), xticks=[1, *range(8, steps + 1, 8)])
    return figure


def draw_seeds(ax: Axes, runs: Sequence[Recording], metric: str, colour: str, *, name: str = "") -> None:
    """Draw one metric over the steps: the mean of the seeds, a band from lowest to highest, a name at the end."""
    steps, rows = runs[0].metrics["step"], np.array([run.metrics[metric] for run in runs])
    ax.fill_between(steps, rows.min(axis=0), rows.max(axis=0), color=colour, alpha=0.18, linewidth=0)
    ax.plot(steps, rows.mean(axis=0), color=colour)
    place = {"xytext": (8, 0), "textcoords": "offset points", "va": "center", "weight": "bold", "fontsize": 13}
    ax.annotate(name, (steps[-1], rows.mean(axis=0)[-1]), color=ink(colour), **place)


def say_bag_of_words(runs: Sequence[Recording]) -> str:
    """Say where the curves of `bag_of_words_figure` end, in one sentence."""
    bag, people, varied = (
        np.mean([run.metrics[name][-1] for run in runs]) for name in ("score", LOOKING_ON, "distinct_2")
    )
    return (
        f"At the end the bag of words says {number(bag, '{:+.1f}')} sd, people’s reward model "
        f"{number(people, '{:+.1f}')} sd, and {varied:.0%} of the word pairs differ."
    )
