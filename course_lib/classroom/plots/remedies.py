"""Remedies against over-optimisation, each over the run that has none."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_lib.classroom.style import GOLD, REFERENCE, ink, styled
from course_lib.classroom.words import number
from course_lib.training.experiments.overoptimization import over_distance
from course_lib.training.experiments.recordings import Recording, by_name
from course_lib.training.experiments.remedies import NO_REMEDY

COLUMNS = 3


def remedies_figure(recordings: Sequence[Recording]) -> Figure:
    """Draw gold over the distance with each remedy, in grey the same without; bands: lowest to highest seed."""
    groups = by_name(recordings)
    usual = groups.pop(NO_REMEDY)
    rows = -(-len(groups) // COLUMNS)
    with styled():
        figure = Figure(figsize=(10, 2.9 * rows))
        axes = figure.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False)
        for ax, (name, runs) in zip(axes.flat, groups.items(), strict=False):
            draw_gold(ax, usual, REFERENCE, style=(0, (4, 2)))
            draw_gold(ax, runs, GOLD)
            ax.set_title(name, fontsize=12)
        for ax in axes.flat[len(groups) :]:
            ax.axis("off")
        for ax in axes[-1]:
            ax.set_xlabel("√KL")
        for ax in axes[:, 0]:
            ax.set_ylabel("gold (sd)")
        axes[0, 0].set_xlim(0, None)
    return figure


def say_remedies(recordings: Sequence[Recording]) -> str:
    """Say where gold ends with each remedy in one sentence."""
    ends = {name: over_distance(runs, "gold") for name, runs in by_name(recordings).items()}
    each = ", ".join(f"{name} {number(rows[:, -1].mean())} at {grid[-1]:.1f}" for name, (grid, rows) in ends.items())
    return f"Where the gold curves end, in standard deviations and √KL: {each}."


def draw_gold(ax: Axes, runs: Sequence[Recording], colour: str, *, style: str | tuple = "-") -> None:
    """Draw the gold reward of some seeds over the distance: their mean, its end, and a band between the outer two."""
    grid, rows = over_distance(runs, "gold")
    ax.fill_between(grid, rows.min(axis=0), rows.max(axis=0), color=colour, alpha=0.15, linewidth=0)
    ax.plot(grid, rows.mean(axis=0), color=colour, linestyle=style)
    ax.plot(grid[-1], np.mean(rows[:, -1]), "o", color=ink(colour), markersize=7)
