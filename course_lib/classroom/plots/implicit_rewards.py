"""DPO on the toy language: the reward that the policy implies against the reward itself, and labels without noise."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from course_lib.classroom.style import INK, NEGATIVE, POLICY, REFERENCE, label
from course_lib.classroom.words import number

Texts = Float[np.ndarray, " texts"]

PROMPTS = (POLICY, "#56B4E9", INK)


def draw_implicit_rewards(ax: Axes, prompts: Sequence[tuple[Texts, Texts]]) -> list[float]:
    """Draw each prompt's texts, (reward, implied reward), on a line of slope 1; returns the lines' heights at 0."""
    heights = []
    for place, (colour, (rewards, implied)) in enumerate(zip(PROMPTS, prompts, strict=False), start=1):
        height = float(np.mean(implied - rewards))
        ends = np.array([rewards.min() - 0.3, rewards.max() + 0.3])
        ax.plot(ends, ends + height, color=REFERENCE, linewidth=1.2, zorder=1)
        words = f"prompt {place}: reward {number(height, '{:+.2f}')}"
        ax.plot(rewards, implied, "o", color=colour, markersize=5, alpha=0.75, label=words)
        heights.append(height)
    ax.set(xlabel="reward of a text", title="The reward that the policy implies")
    ax.legend(fontsize=12, handletextpad=0.1, borderpad=0)
    ax.grid(axis="x")
    return heights


def draw_gap_by_steps(ax: Axes, gaps: Mapping[str, Mapping[int, float]]) -> None:
    """Draw the implied gap between the best and the worst text against the number of steps, a line a kind of label."""
    for (name, by_steps), colour in zip(gaps.items(), (POLICY, NEGATIVE), strict=True):
        steps, heights = list(by_steps), list(by_steps.values())
        ax.plot(steps, heights, "o-", color=colour, markersize=6)
        label(ax, float(steps[-1]), heights[-1], name, colour, gap=7.0)
    ax.set(xscale="log", xlabel="gradient steps", title="Implied gap, best to worst text")
    ax.margins(y=0.2)
    ax.set_ylim(bottom=0)
