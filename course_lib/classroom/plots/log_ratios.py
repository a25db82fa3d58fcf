"""A picture of DPO's two log-ratios: how likely chosen and rejected texts have become, beside the reference."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from course_lib.classroom.style import NEGATIVE, POSITIVE, REFERENCE, ink
from course_lib.training.experiments.recordings import Recording

TEXTS = {"chosen": POSITIVE, "rejected": NEGATIVE}


def draw_log_ratios(axes: Sequence[Axes], runs: Mapping[str, Sequence[Recording]]) -> None:
    """Draw both over the steps of DPO, a panel for each name: a line the mean, a band the seeds; dotted: two passes."""
    for ax, (name, seeds) in zip(axes, runs.items(), strict=True):
        steps = np.array(seeds[0].metrics["step"])
        for texts, colour in TEXTS.items():
            rows = np.array([run.metrics[f"{texts}_log_ratio"] for run in seeds])
            ax.plot(steps, rows.mean(axis=0), color=colour)
            ax.fill_between(steps, rows.min(axis=0), rows.max(axis=0), color=colour, alpha=0.18, linewidth=0)
            place = {"xytext": (8, 0), "textcoords": "offset points", "va": "center", "weight": "bold"}
            ax.annotate(texts, (steps[-1], rows.mean(axis=0)[-1]), color=ink(colour), fontsize=13, **place)
        ax.hlines(0, steps[0], steps[-1], color=REFERENCE, linewidth=1.2, zorder=1)
        half = len(steps) / 2 + 0.5
        ax.axvline(half, color=REFERENCE, linewidth=1.4, linestyle=":")
        for x, words in ((half / 2, "pairs are new"), (1.5 * half, "seen before")):
            ax.annotate(words, (x, 1), xycoords=("data", "axes fraction"), ha="center", va="top", color=REFERENCE)
        ax.margins(y=0.12)
        ax.set(
            title=f"Log-ratio (nats), {name}",
            xlabel="step",
            xlim=(1, 1.3 * len(steps)),
            xticks=[1, len(steps) // 2, len(steps)],
        )


def say_log_ratios(runs: Mapping[str, Sequence[Recording]]) -> str:
    """Say where both stand at the end of the first pass, and of the second, in one sentence."""
    ends = []
    for name, seeds in runs.items():
        half = len(seeds[0].metrics["step"]) // 2
        numbers = {
            texts: [np.mean([run.metrics[f"{texts}_log_ratio"][step] for run in seeds]) for step in (half - 1, -1)]
            for texts in TEXTS
        }
        said = "; ".join(f"{texts} {first:+z.1f}, then {last:+z.1f}" for texts, (first, last) in numbers.items())
        ends.append(f"{name}: {said}".replace("-", "−"))
    return f"Mean log-ratio in nats at the end of the first and of the second pass. {'. '.join(ends)}."
