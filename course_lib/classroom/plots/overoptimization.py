"""Pictures of over-optimisation: how good the proxies are, and proxy, gold and judge over the distance."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator, PercentFormatter

from course_lib.classroom.plots.labels import spread_out
from course_lib.classroom.style import GOLD, INK, JUDGE, PEOPLE, REFERENCE, REWARD_MODEL, ink, label, styled
from course_lib.classroom.words import number
from course_lib.training.experiments.overoptimization import (
    PPO,
    Fit,
    by_pairs,
    column,
    distances,
    fit_gold,
    gold_at_start,
    over_distance,
    reach,
)
from course_lib.training.experiments.recordings import Recording
from course_lib.training.experiments.scorers import SHIPPED

FORESIGHT = 1.5  # times the distance that the runs came, in which a fitted peak is still shown
DISTANCE = "√KL from the reference (KL in nats per response)"
SHADES = ("#C9CED4", "#E5DC7A", "#C9BA1E", "#8F8300", "#524B00")  # of gold, few pairs to many


def accuracies(recordings: Sequence[Recording]) -> dict[int, np.ndarray]:
    """The pair accuracy of the proxies on test sentences, one number a seed, by the pairs that they learned from."""
    groups = by_pairs(recordings, PPO).items()
    return {pairs: np.array([run.before["pair_accuracy"] for run in runs]) for pairs, runs in groups}


def levels(scorers: Mapping[str, float]) -> dict[str, tuple[float, str]]:
    """The accuracies that proxies are held against, with their colours."""
    return {
        "VADER’s rules": (scorers["VADER's rules"], JUDGE),
        "gold": (scorers[SHIPPED], GOLD),
        "a person": (scorers["one person"], PEOPLE),
    }


def proxies_figure(recordings: Sequence[Recording], scorers: Mapping[str, float]) -> Figure:
    """Draw how many pairs of test sentences each proxy puts in the right order: a point a seed, a line their mean.

    `scorers` has the pair accuracy of what proxies are held against, as `load_scorers` reads it.
    """
    rows = accuracies(recordings)
    pairs = list(rows)
    with styled():
        figure = Figure(figsize=(8, 4.5))
        ax = figure.subplots()
        for words, (height, colour) in levels(scorers).items():
            ax.axhline(height, color=colour, linewidth=1.6, linestyle=(0, (4, 3)))
            label(ax, pairs[0] / 1.5, height, words, colour, side="left", gap=3.0)
        for count, seeds in rows.items():
            ax.plot([count] * len(seeds), seeds, "o", color=REWARD_MODEL, markersize=6, alpha=0.5)
            place = {"xytext": (0, -12), "textcoords": "offset points", "ha": "center", "va": "top"}
            ax.annotate(f"{seeds.mean():.0%}", (count, seeds.min()), color=ink(REWARD_MODEL), weight="bold", **place)
        ax.plot(pairs, [seeds.mean() for seeds in rows.values()], color=REWARD_MODEL)
        ax.set_xscale("log", base=2)
        ax.xaxis.set_major_locator(FixedLocator(pairs))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_xticklabels([f"{count:,}" for count in pairs])
        ax.set(xlim=(pairs[0] / 1.6, pairs[-1] * 1.6), ylim=(0.44, 0.88), xlabel="pairs that a proxy learned from")
        ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        ax.set_title("Pairs of test sentences in the right order")
    return figure


def say_proxies(recordings: Sequence[Recording], scorers: Mapping[str, float]) -> str:
    """Say the accuracies of `proxies_figure` in one sentence."""
    proxies = ", ".join(f"{pairs:,} pairs {seeds.mean():.0%}" for pairs, seeds in accuracies(recordings).items())
    others = ", ".join(f"{words} {height:.0%}" for words, (height, _) in levels(scorers).items())
    return f"Pairs of test sentences in the right order, by what a proxy learned from: {proxies}; {others}."


def gold_figure(recordings: Sequence[Recording], method: str) -> Figure:
    """Draw the gold reward against each proxy, a mean of the seeds, with its fitted form dashed and the peak marked."""
    start = gold_at_start(recordings, method)
    with styled():
        figure = Figure(figsize=(9, 5))
        ax = figure.subplots()
        ends, groups = [], by_pairs(recordings, method)
        for shade, (pairs, runs) in zip(SHADES[-len(groups) :], groups.items(), strict=True):
            grid, rows = over_distance(runs, "gold")
            fit = fit_gold(runs, method, start=start)
            ax.plot(grid, rows.mean(axis=0), color=shade, linewidth=3)
            draw_fit(ax, fit, ink(shade), end=grid[-1])
            last = drawn_to(fit, end=grid[-1])
            height = fit.gold(np.array([last]))[0] if last > grid[-1] else rows.mean(axis=0)[-1]
            ends.append((last, float(height), f"{pairs:,} pairs", shade))
        ax.axhline(start, color=REFERENCE, linewidth=1.2, zorder=1)
        label(ax, ax.get_xlim()[1], start, "before", REFERENCE, gap=3.0, size=11.0)
        for (x, y, words, shade), height in zip(ends, spread_out([end[1] for end in ends], ax), strict=True):
            place = {"xytext": (x, height), "textcoords": "data", "va": "center", "fontsize": 12}
            ax.annotate(f"   {words}", (x, y), color=ink(shade), weight="bold", **place)
        ax.set_xlim(0, 1.22 * max(end[0] for end in ends))
        ax.set(xlabel=DISTANCE, title="Gold reward (sd)")
    return figure


def say_gold(recordings: Sequence[Recording], method: str) -> str:
    """Say the highest and the last gold reward of each curve of `gold_figure` in one sentence."""
    means = {pairs: over_distance(runs, "gold")[1].mean(axis=0) for pairs, runs in by_pairs(recordings, method).items()}
    each = "; ".join(f"{pairs:,} pairs {number(mean.max())} and {number(mean[-1])}" for pairs, mean in means.items())
    return f"Gold reward over the square root of the KL, at its highest and at the end, in standard deviations: {each}."


def draw_against(
    ax: Axes, runs: Sequence[Recording], metric: str, colour: str, *, name: str = "", style: str = "-"
) -> list[Artist]:
    """Draw one metric over the distance: a faint line a seed, their mean, and a band from the lowest to the highest."""
    grid, rows = over_distance(runs, metric)
    artists = [ax.fill_between(grid, rows.min(axis=0), rows.max(axis=0), color=colour, alpha=0.18, linewidth=0)]
    for run in runs:
        artists += ax.plot(distances(run), column(run, metric), ".", color=colour, markersize=4, alpha=0.5)
    artists += ax.plot(grid, rows.mean(axis=0), color=colour, linestyle=style)
    if name:
        words = {"xytext": (8, 0), "textcoords": "offset points", "va": "center", "weight": "bold", "fontsize": 13}
        artists.append(ax.annotate(name, (grid[-1], rows.mean(axis=0)[-1]), color=ink(colour), **words))
    return artists


def drawn_to(fit: Fit, *, end: float) -> float:
    """How far a fitted form is drawn: as far as the curve, or to its peak where that lies a little further."""
    return fit.peak if end < fit.peak <= FORESIGHT * end else end


def draw_fit(ax: Axes, fit: Fit, colour: str | tuple, *, end: float) -> list[Artist]:
    """Draw a fitted form over a curve that ends at `end`, and its peak, hollow where no run has reached it."""
    last = drawn_to(fit, end=end)
    d = np.linspace(0, last, 100)
    artists = ax.plot(d, fit.gold(d), color=colour, linewidth=1.6, linestyle=(0, (3, 2)))
    if not 0 < fit.peak <= last:
        return artists
    inside = {"markerfacecolor": colour if fit.peak <= end else "white", "markeredgecolor": colour}
    return artists + ax.plot(fit.peak, fit.gold(np.array([fit.peak])), "v", markersize=10, zorder=6, **inside)


def draw_metrics(axes: Sequence[Axes], runs: Sequence[Recording], fit: Fit) -> list[Artist]:
    """Draw proxy, gold and the gold's fitted form in the first picture, the judge in the second."""
    return [
        *draw_against(axes[0], runs, "score", REWARD_MODEL, name="proxy"),
        *draw_against(axes[0], runs, "gold", GOLD, name="gold"),
        *draw_fit(axes[0], fit, INK, end=reach(runs)),
        *draw_against(axes[1], runs, "judge", JUDGE),
    ]


def frame_metrics(axes: Sequence[Axes], runs: Sequence[Recording], *, furthest: float) -> None:
    """Give both pictures the axes on which all runs fit, and the first fits that go on to this distance."""
    end = max(distances(run).max() for run in runs)
    for ax, metrics, title in zip(axes, (("score", "gold"), ("judge",)), TITLES, strict=True):
        values = np.concatenate([column(run, metric) for run in runs for metric in metrics] + [[0.0]])
        margin = 0.06 * (values.max() - values.min())
        ax.set(
            xlim=(0, max(1.17 * end, 1.04 * furthest) if ax is axes[0] else 1.02 * end),
            ylim=(values.min() - margin, values.max() + margin),
        )
        ax.axhline(0, color=REFERENCE, linewidth=1.2, zorder=1)
        ax.set_title(title, fontsize=13)
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes[0].set_xlabel(DISTANCE)
    axes[1].set_xlabel("√KL")


TITLES = ("Proxy and gold (sd)", "Judge (VADER, −1 to 1)")
