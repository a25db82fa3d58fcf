"""A picture of PPO against a bag of words: what it says, what people's reward model says, how varied texts stay."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from course_lib.classroom.plots.overoptimization import DISTANCE, draw_against
from course_lib.classroom.style import GOLD, POLICY, REFERENCE, REWARD_MODEL, label, styled
from course_lib.classroom.words import number
from course_lib.training.experiments.overoptimization import distances
from course_lib.training.experiments.recordings import Recording
from course_lib.training.record import LOOKING_ON


def bag_of_words_figure(runs: Sequence[Recording]) -> Figure:
    """Draw both scores, and the share of word pairs that differ, over the distance: a line the mean, a band the seeds.

    Dashed: the highest score that the bag of words gives to a test sentence, a mean of the seeds' scales.
    """
    end = max(distances(run).max() for run in runs)
    highest = np.mean([run.before["highest_review"] for run in runs])
    with styled():
        figure = Figure(figsize=(10, 4.4))
        left, right = figure.subplots(1, 2, width_ratios=(3, 2))
        draw_against(left, runs, "score", REWARD_MODEL, name="bag of words")
        draw_against(left, runs, LOOKING_ON, GOLD, name="people’s\nreward model")
        left.axhline(highest, color=REFERENCE, linewidth=1.6, linestyle=(0, (4, 3)))
        left.set_xlim(0, 1.45 * end)
        label(left, 0.0, highest, "the highest of 1,000 reviews", REFERENCE, side="left", gap=3.0)
        draw_against(right, runs, "distinct_2", POLICY)
        right.set(ylim=(0, 1), xlim=(0, 1.05 * end), xlabel="√KL")
        right.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        left.set_xlabel(DISTANCE)
        left.set_title("Scores (sd)")
        right.set_title("Word pairs that differ")
        for ax in (left, right):
            ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    return figure


def say_bag_of_words(runs: Sequence[Recording]) -> str:
    """Say where the curves of `bag_of_words_figure` end, in one sentence."""
    bag, people, varied = (
        np.mean([run.metrics[name][-1] for run in runs]) for name in ("score", LOOKING_ON, "distinct_2")
    )
    return (
        f"At the end the bag of words says {number(bag, '{:+.1f}')} sd, people’s reward model "
        f"{number(people, '{:+.1f}')} sd, and {varied:.0%} of the word pairs differ."
    )
