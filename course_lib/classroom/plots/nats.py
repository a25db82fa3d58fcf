"""What changes of the default pay for their score: where the runs of each ended, under the frontier."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from course_lib.classroom.plots.frontier import draw_frontier_line
from course_lib.classroom.style import NEGATIVE, POLICY, REFERENCE, ink
from course_lib.training.experiments.frontier import Frontier
from course_lib.training.experiments.nats import fewest_nats, spent
from course_lib.training.experiments.recordings import Recording, by_name

DEFAULT = "default"


def draw_nats(ax: Axes, recordings: Sequence[Recording], frontier: Frontier) -> None:
    """Draw the runs' ends on held-out prompts, score against KL: a small point a seed, the mean of a name large.

    A thin line leads from each mean to the frontier: its length is the nats that bought nothing. The default is blue.
    Where the frontier is not known, it lies under the dashed line.
    """
    groups, rows = by_name(recordings), spent(recordings, frontier)
    highest = max(row.score for row in rows)
    if highest > frontier.score[-1]:
        beyond = [(frontier.kl[-1], frontier.score[-1]), (fewest_nats(highest, frontier), highest)]
        ax.plot(*zip(*beyond, strict=True), "--", color=REFERENCE, linewidth=1.5, zorder=1)
    for row in rows:
        colour = POLICY if row.name == DEFAULT else NEGATIVE
        ends = [(run.after["kl"], run.after["score"]) for run in groups[row.name]]
        ax.plot(*zip(*ends, strict=True), "o", color=colour, markersize=4, alpha=0.6, markeredgewidth=0)
        ax.plot([row.fewest, row.kl], [row.score, row.score], color=colour, linewidth=1, alpha=0.6, zorder=0.9)
        ax.plot(row.kl, row.score, "o", color=colour, markersize=10, markeredgecolor="white", zorder=3)
        words = row.name.replace("lam", "λ =")
        style = {"va": "center", "color": ink(colour), "weight": "bold", "fontsize": 12}
        ax.annotate(words, (row.kl, row.score), xytext=(9, 0), textcoords="offset points", **style)
    ax.set_xlabel("KL from the reference (nats per response)")
    ax.set_ylabel("score (sd)")
    ax.margins(x=0.12, y=0.15)
    draw_frontier_line(ax, frontier)
