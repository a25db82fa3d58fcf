"""What changes of the default pay for their score: where the runs of each ended under the frontier, and how fast."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from course_lib.classroom.plots.frontier import draw_frontier_line
from course_lib.classroom.plots.relatives import seeds, smooth
from course_lib.classroom.style import NEGATIVE, POLICY, REFERENCE, ink, label
from course_lib.training.experiments.frontier import Frontier
from course_lib.training.experiments.nats import Spent, fewest_nats, mean_ends, spent
from course_lib.training.experiments.recordings import Recording, by_name

DEFAULT = "default"


def colour_of(name: str) -> str:
    """The default is blue, all else vermilion."""
    return POLICY if name == DEFAULT else NEGATIVE


def draw_nats(
    ax: Axes, recordings: Sequence[Recording], frontier: Frontier, *, coefficients: Sequence[Recording]
) -> None:
    """Draw the runs' ends on held-out prompts, score against KL: a small point a seed, the mean of a name large.

    The blue line is the default at other KL coefficients. Where the frontier is not known, it lies under the dashed
    line.
    """
    groups, rows = by_name(recordings), spent(recordings, frontier)
    furthest = max(run.after["kl"] for run in recordings)
    beyond = frontier.score[-1] + np.array([0.0, 0.2])
    ax.plot([fewest_nats(score, frontier) for score in beyond], beyond, "--", color=REFERENCE, linewidth=1.5, zorder=1)
    ax.plot(*zip(*mean_ends(coefficients), strict=True), color=POLICY, linewidth=2, alpha=0.45, zorder=1)
    for row in sorted(rows, key=lambda row: row.name == DEFAULT):  # the default over the others
        colour = colour_of(row.name)
        ends = [(run.after["kl"], run.after["score"]) for run in groups[row.name]]
        ax.plot(*zip(*ends, strict=True), "o", color=colour, markersize=4, alpha=0.6, markeredgewidth=0)
        ax.plot(
            row.kl,
            row.score,
            "o",
            color=colour,
            markersize=10,
            markeredgecolor="white",
            zorder=4 if row.name == DEFAULT else 3,
        )
    _name(ax, sorted(rows, key=lambda row: row.kl, reverse=True))
    ax.set_title("Score (sd) against KL")
    ax.set_xlabel("KL from the reference (nats per response)")
    ax.set_xlim(-0.3, 1.35 * furthest)
    draw_frontier_line(ax, frontier)


def _name(ax: Axes, rows: Sequence[Spent]) -> None:
    """Name the points in a list, the furthest first, each with a line to its name: most lie too near to each other."""
    for place, row in enumerate(rows):
        ax.annotate(
            row.name.replace("lam", "λ ="),
            (row.kl, row.score),
            xytext=(0.52, 0.5 - 0.07 * place),
            textcoords="axes fraction",
            va="center",
            color=ink(colour_of(row.name)),
            weight="bold",
            fontsize=10,
            arrowprops={"arrowstyle": "-", "color": colour_of(row.name), "alpha": 0.5, "relpos": (0, 0.5)},
        )


def draw_speed(ax: Axes, recordings: Sequence[Recording], *, names: Sequence[str]) -> None:
    """Draw the mean score of the batches by step, a line a name: the mean of its seeds, smoothed."""
    groups = by_name(recordings)
    for name in names:
        scores = smooth(seeds(groups[name], "score").mean(axis=0))
        steps, at = groups[name][0].metrics["step"], len(scores) // 4
        ax.plot(steps, scores, color=colour_of(name))
        above = name == DEFAULT
        side, gap = ("right", 6.0) if above else ("left", -6.0)
        label(ax, float(steps[at]), float(scores[at]), f" {name} ", colour_of(name), side=side, gap=gap)
    ax.set_title("Score (sd) of the batches")
    ax.set_xlabel("PPO step")
    ax.xaxis.get_major_locator().set_params(integer=True)
