"""Walk along a run against a proxy: what the policy writes at each point, beside the curves."""

from collections.abc import Collection, Sequence

import ipywidgets as widgets
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from course_lib.classroom.canvas import Canvas
from course_lib.classroom.controls import choice
from course_lib.classroom.demo import Demo
from course_lib.classroom.style import GOLD, INK, NEGATIVE, POLICY, REFERENCE, REWARD_MODEL, ink, styled
from course_lib.classroom.texts_table import TextsTable
from course_lib.classroom.words import number
from course_lib.training.experiments.overoptimization import PPO, at_sample, by_pairs, column, distances
from course_lib.training.experiments.recordings import Recording
from course_lib.training.texts import frequent_words

PICTURES = (
    ("Proxy and gold (sd)", {"score": ("proxy", REWARD_MODEL), "gold": ("gold", GOLD)}),
    ("Variety", {"distinct_2": ("distinct word pairs", POLICY), "top_word_share": ("top word", NEGATIVE)}),
    ("Length (tokens)", {"response_length": ("", POLICY)}),
)
METRICS = [metric for _, lines in PICTURES for metric in lines]
FREQUENT = 5


class Walk(Demo):
    """Choose a proxy and a step: rings mark the place on the curves, and the table has what was written there."""

    def __init__(self, recordings: Sequence[Recording], *, pairs: int | None = None, step: int | None = None):
        first = {pairs: runs[0] for pairs, runs in by_pairs(recordings, PPO).items()}
        self.runs = {pairs: run for pairs, run in first.items() if places(run)}
        self.texts = widgets.HTML()
        with styled():
            figure = Figure(figsize=(10, 3.6))
            self.axes = list(figure.subplots(1, 3, width_ratios=[1.5, 1.2, 1]))
            for ax, (title, lines) in zip(self.axes, PICTURES, strict=True):
                frame(ax, self.runs.values(), list(lines), title)
            self.lines = {pairs: draw_lines(self.axes, run) for pairs, run in self.runs.items()}
            ring = {"markersize": 13, "markerfacecolor": "none", "markeredgecolor": INK, "markeredgewidth": 2.2}
            on = [ax for ax, (_, lines) in zip(self.axes, PICTURES, strict=True) for _ in lines]
            self.rings = [ax.plot([], [], "o", zorder=6, **ring)[0] for ax in on]
            canvas = Canvas(figure, [*(line for lines in self.lines.values() for line in lines), *self.rings])
        steps = sorted({step for run in self.runs.values() for step in places(run)})
        controls = {
            "pairs": choice("pairs", {f"{count:,}": count for count in self.runs}, pairs),
            "step": choice("before step", {str(place): place for place in steps}, step),
        }
        super().__init__(canvas, controls)
        self.children = [*self.children, self.texts]

    def show(self, *, pairs: int, step: int) -> str:
        """Move the rings to a step of the run against a proxy, and show what was written there."""
        for count, lines in self.lines.items():
            for line in lines:
                line.set_visible(count == pairs)
        run = self.runs[pairs]
        samples = [sample for sample in run.samples if sample["step"] == step and not sample.get("gap")]
        at = {metric: at_sample(run, metric, {"step": step}) for metric in ("kl", *METRICS)}
        for ring, metric in zip(self.rings, METRICS, strict=True):
            ring.set_data([max(at["kl"], 0) ** 0.5], [at[metric]])
        self.texts.value = TextsTable({f"Against {pairs:,} pairs, before step {step}": samples})._repr_html_()
        common = frequent_words([sample["text"] for sample in samples], FREQUENT)
        distance = number(max(at["kl"], 0) ** 0.5, "{:.1f}")
        return (
            f"Before step {step} against the proxy of {pairs:,} pairs, at √KL {distance}: proxy {number(at['score'])}, "
            f"gold {number(at['gold'])} sd, {number(at['distinct_2'], '{:.0%}')} of word pairs different ones, "
            f"{number(at['response_length'], '{:.0f}')} tokens. Most frequent words in the texts below: "
            f"{', '.join(f'{word} ({times})' for word, times in common)}."
        )


def walk_demo(recordings: Sequence[Recording], *, pairs: int | None = None, step: int | None = None) -> Walk:
    """Show the PPO runs of the experiment `overoptimization` whose texts were kept along the way.

    First against the proxy of so many pairs before this step; by default the fewest, and the first.
    """
    return Walk(recordings, pairs=pairs, step=step)


def places(run: Recording) -> list[int]:
    """The steps before which texts were kept."""
    return sorted({sample["step"] for sample in run.samples if not sample.get("gap")})


def draw_lines(axes: Sequence[Axes], run: Recording) -> list[Artist]:
    """Draw the metrics of one run over the distance."""
    artists = []
    for ax, (_, lines) in zip(axes, PICTURES, strict=True):
        for metric, (_, colour) in lines.items():
            artists += ax.plot(distances(run), column(run, metric), ".-", color=colour, linewidth=2, markersize=6)
    return artists


def frame(ax: Axes, runs: Collection[Recording], metrics: Sequence[str], title: str) -> None:
    """Give a picture the axes on which all runs fit, and write the names of its curves in their colours."""
    values = [value for run in runs for metric in metrics for value in column(run, metric)] + [0.0]
    margin = 0.06 * (max(values) - min(values))
    ax.set(
        xlim=(0, 1.03 * max(distances(run).max() for run in runs)), ylim=(min(values) - margin, max(values) + margin)
    )
    ax.axhline(0, color=REFERENCE, linewidth=1.2, zorder=1)
    ax.set_title(title, fontsize=13)
    ax.set_xlabel("√KL")
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    if max(values) <= 1:
        ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    names = next(lines for words, lines in PICTURES if words == title)
    side = "right" if "distinct_2" in metrics else "left"  # where no curve is
    for row, (name, colour) in enumerate(pair for pair in names.values() if pair[0]):
        corner = {"xycoords": "axes fraction", "va": "top", "ha": side, "weight": "bold", "fontsize": 12}
        ax.annotate(name, (0.99 if side == "right" else 0.03, 0.99 - 0.1 * row), color=ink(colour), **corner)
