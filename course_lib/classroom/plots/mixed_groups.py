"""What groups of texts teach: how many are mixed, and how long the texts are that fail."""

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from course_lib.classroom.plots.methods import COLOURS
from course_lib.classroom.plots.relatives import seeds
from course_lib.classroom.style import INK
from course_lib.equations.verified import mixed_share
from course_lib.training.experiments.recorded_verifiers import chosen, rules_of
from course_lib.training.experiments.recordings import Recording

SHADES = ("#B4BAC1", "#767C85", "#22262B")  # of the verifiers, from the easiest to the hardest


def draw_mixed_groups(ax: Axes, recordings: Sequence[Recording], *, responses: int) -> None:
    """Draw the share of groups that are mixed over the pass rate: as if all prompts were alike, and as recorded."""
    rates = torch.logspace(-4, 0, 200, dtype=torch.float64)
    ax.plot(rates, mixed_share(rates, responses=responses), color=INK, linewidth=1.8, linestyle=(0, (3, 2)))
    for rule, shade in zip(rules_of(recordings), SHADES, strict=False):
        runs = chosen(recordings, pleased=rule)
        x, y = (np.concatenate([run.metrics[name] for run in runs]) for name in ("score", "mixed_groups"))
        ax.plot(x, y, "o", color=shade, markersize=4, markeredgewidth=0, label=rule)
    ax.set_xscale("log")
    ax.set(xlim=(1e-3, 1.1), ylim=(-0.02, 1), xlabel="share of the batch that passes")
    ax.set_xticks([0.001, 0.01, 0.1, 1], ["0.1%", "1%", "10%", "100%"])
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.set_title(f"Groups of {responses} that are mixed")
    ax.legend(fontsize=11, loc="upper left")


def say_mixed_groups(recordings: Sequence[Recording], *, responses: int) -> str:
    """Say how many groups of the first batches and of the last ones are mixed, in one sentence."""
    parts = []
    for rule in rules_of(recordings):
        shares = seeds(chosen(recordings, pleased=rule), "mixed_groups").mean(axis=0)
        parts.append(f"{rule} {shares[0]:.0%}, {shares.max():.0%} and {shares[-1]:.0%}")
    return f"Groups of {responses} that are mixed, in the first step, at most and in the last: {'; '.join(parts)}."


def draw_failed_length(ax: Axes, recordings: Sequence[Recording], *, methods: Sequence[str]) -> None:
    """Draw how long the texts are that fail, a line a method: the mean of its seeds, and their range."""
    for method in methods:
        runs = chosen(recordings, method=method)
        lengths = np.ma.masked_invalid(seeds(runs, "failed_length"))  # where all pass there is none
        steps, mean = runs[0].metrics["step"], lengths.mean(axis=0)
        ax.plot(steps, mean, color=COLOURS[method], label=method)
        low, high = lengths.min(axis=0), lengths.max(axis=0)
        ax.fill_between(steps, low, high, color=COLOURS[method], alpha=0.18, linewidth=0)
    ax.set(xlabel="step", title="Tokens of the texts that fail")
    ax.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    ax.legend(fontsize=11, loc="lower left")  # at their ends the lines cross


def say_failed_length(recordings: Sequence[Recording], *, methods: Sequence[str]) -> str:
    """Say how long the texts of `draw_failed_length` are over all steps, in one sentence."""
    parts = []
    for method in methods:
        lengths = np.ma.masked_invalid(seeds(chosen(recordings, method=method), "failed_length"))
        parts.append(f"{method} {lengths[:, 0].mean():.0f} in the first step and {lengths.mean():.1f} over all")
    return f"Tokens of the texts that fail, means of the seeds: {', '.join(parts)}."
