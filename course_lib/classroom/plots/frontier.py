"""The most score that a nat of KL can buy, as a line over pictures of what policies made of theirs."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from course_lib.classroom.plots.curves import metric
from course_lib.classroom.style import POLICY, REFERENCE, ink
from course_lib.training.experiments.frontier import Frontier
from course_lib.training.record import Record

WORDS = "the most a nat can buy"


def draw_frontier_line(ax: Axes, frontier: Frontier) -> None:
    """Draw the estimated frontier with a band of two standard errors; a bar ends it where the samples do.

    Its name stands at the top, for which it takes more room there: draw it last.
    """
    kl, score, error = frontier.kl, frontier.score, frontier.error
    ax.fill_between(kl, score - 2 * error, score + 2 * error, color=REFERENCE, alpha=0.22, linewidth=0, zorder=0.8)
    ax.plot(kl, score, color=REFERENCE, linewidth=2, zorder=1)
    ax.plot(kl[-1], score[-1], "|", color=REFERENCE, markersize=13, markeredgewidth=2, zorder=1)
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.12 * (high - low))
    left, right = ax.get_xlim()
    ax.annotate(
        WORDS,
        (kl[-1], score[-1]),
        xytext=(0.5, 0.99),
        textcoords="axes fraction",
        ha="center",
        va="top",
        color=ink(REFERENCE),
        weight="bold",
        fontsize=12,
        arrowprops={"arrowstyle": "-", "color": REFERENCE, "relpos": ((kl[-1] - left) / (right - left), 0)},
    )


def draw_run_against_kl(ax: Axes, metrics: Sequence[Record], frontier: Frontier, *, end: tuple[float, float]) -> None:
    """Draw a run's score against its KL, a point a step, under the frontier; `end` is KL and score after training."""
    ax.plot(metric(metrics, "kl"), metric(metrics, "score"), "o-", color=POLICY, linewidth=1.2, markersize=3, alpha=0.6)
    ax.plot(*end, "o", color=POLICY, markersize=11, markeredgecolor="white", zorder=3)
    ax.set_title("Score against KL", pad=26)
    unit = "standard deviations; large: held-out prompts"
    ax.annotate(unit, (0, 1), xycoords="axes fraction", xytext=(0, 9), textcoords="offset points", fontsize=12)
    ax.set_xlabel("KL (nats per response)")
    draw_frontier_line(ax, frontier)
