"""The recorded comparison of PPO and its relatives: score against KL, and against the time it took."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from course_lib.classroom.plots.methods import COLOURS
from course_lib.classroom.style import REFERENCE, label
from course_lib.training.experiments.recordings import Recording, by_name

Seeds = Float[np.ndarray, "seeds steps"]

BEST_OF_N = "best of n"
MARKERS = {"PPO": "o", "REINFORCE": "^", "RLOO": "v", "GRPO": "D", "DPO": "P", BEST_OF_N: "s"}


def draw_score_against_kl(ax: Axes, recordings: Sequence[Recording], *, metric: str = "score") -> None:
    """Draw where each run ended on held-out prompts, a mark a seed, over the paths that led there (means of seeds).

    Of best-of-n every n is a mark.
    """
    start = float(np.mean([run.before[metric] for run in recordings]))
    ax.plot(0, start, "o", color=REFERENCE, markersize=9)
    label(ax, 0.0, start, " before", REFERENCE, side="left", gap=-6.0)
    for name, runs in by_name(recordings).items():
        style = {"color": COLOURS[name], "marker": MARKERS[name]}
        kl, heights = (seeds(runs, column).mean(axis=0) for column in ("kl", metric))
        if name == BEST_OF_N:
            ax.plot(kl, heights, **style, markersize=6, linewidth=1.2, label=name)
            continue
        ax.plot(smooth(kl), smooth(heights), color=COLOURS[name], linewidth=1.4, alpha=0.55, zorder=1)
        ends = np.array([(run.after["kl"], run.after[metric]) for run in runs])
        ax.plot(*ends.T, **style, linestyle="none", markersize=9, markeredgecolor="white", label=name, zorder=3)
    ax.set_xlabel("KL from the reference (nats per response)")
    ax.set_xlim(left=-0.3)


def draw_score_by_seconds(ax: Axes, recordings: Sequence[Recording], *, metric: str = "score") -> None:
    """Draw the score of what the policy wrote against the processor's seconds: the mean of the seeds, and their range.

    Best-of-n is left out: it trains nothing, and pays with every answer.
    """
    for name, runs in by_name(recordings).items():
        if name != BEST_OF_N:
            seconds, heights = seeds(runs, "seconds").mean(axis=0), seeds(runs, metric)
            heights = np.apply_along_axis(smooth, 1, heights)
            ax.plot(seconds, heights.mean(axis=0), color=COLOURS[name], linewidth=2, label=name)
            low, high = heights.min(axis=0), heights.max(axis=0)
            ax.fill_between(seconds, low, high, color=COLOURS[name], alpha=0.18, linewidth=0)
    ax.set_xlabel("processor seconds, one thread")
    ax.set_xlim(left=0)


def seeds(runs: Sequence[Recording], column: str) -> Seeds:
    """One metric of runs that differ in their seed alone."""
    return np.array([run.metrics[column] for run in runs], dtype=float)


def smooth(values: Float[np.ndarray, " steps"], *, window: int = 3) -> Float[np.ndarray, " steps"]:
    """A running mean over neighbours, over fewer at the ends."""
    near = [values[max(0, i - window // 2) : i + window // 2 + 1] for i in range(len(values))]
    return np.array([part.mean() for part in near])
