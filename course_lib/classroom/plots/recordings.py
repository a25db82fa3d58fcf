"""Pictures of recorded experiments: with and without the clip, what the KL coefficient buys, choices, label noise."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.text import Annotation
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator, PercentFormatter

from course_lib.classroom.plots.frontier import draw_frontier_line
from course_lib.classroom.style import (
    CLIP_REGION,
    NEGATIVE,
    PEOPLE,
    POLICY,
    REFERENCE,
    REWARD_MODEL,
    ink,
    label,
)
from course_lib.classroom.words import number
from course_lib.training.experiments.frontier import Frontier
from course_lib.training.experiments.recordings import LabelNoise, Recording, by_name

Numbers = Float[np.ndarray, " numbers"]

CHOICE_WORDS = {
    "1 epoch": "1 epoch (default 2)",
    "8 epochs": "8 epochs (default 2)",
    "values not clipped": "values not clipped",
    "advantages not whitened": "advantages not whitened",
    "lam 0": "λ = 0 (default 0.9)",
    "lam 1": "λ = 1 (default 0.9)",
    "values from zero": "values from zero",
    "lam 0, from zero": "λ = 0, values from zero",
}
MARKS = {"length": "length", "TF-IDF + ridge": "bag of words", "one person": "a person"}


def normalised_scores(recordings: Sequence[Recording]) -> dict[str, Numbers]:
    """Scores on held-out prompts after training, one a seed: 0 is the model before training, 1 the best of all runs.

    The scale is that of Table 1 in Schulman et al. 2017 (arXiv:1707.06347), where 0 is a random policy.
    """
    start = float(np.mean([run.before["score"] for run in recordings]))
    best = max(run.after["score"] for run in recordings)
    return {
        name: np.array([(run.after["score"] - start) / (best - start) for run in runs])
        for name, runs in by_name(recordings).items()
    }


def draw_clip_table(ax: Axes, recordings: Sequence[Recording]) -> dict[str, float]:
    """Draw Table 1 of the PPO paper on our task, one row an objective; returns the mean of each row.

    A small point is one seed, the large one their mean, which is also written at the right.
    """
    rows = normalised_scores(recordings)
    places = range(len(rows), 0, -1)
    for place, (name, scores) in zip(places, rows.items(), strict=True):
        colour = POLICY if name.startswith("clip") else NEGATIVE if name.startswith("no ") else REFERENCE
        if name.startswith("clip"):
            ax.axhspan(place - 0.5, place + 0.5, color=CLIP_REGION, zorder=0)
        ax.plot([scores.min(), scores.max()], [place, place], color=colour, linewidth=1.6)
        ax.plot(scores, [place] * len(scores), "o", color=colour, markersize=6, alpha=0.6)
        ax.plot(scores.mean(), place, "D", color=colour, markersize=10, markeredgecolor="white")
        ax.text(1.04, place, number(scores.mean(), "{:.2f}"), color=ink(colour), weight="bold", va="center")
    ax.set_yticks(list(places), list(rows))
    ax.set_ylim(0.4, len(rows) + 0.6)
    ax.set_xlim(min(0.0, min(scores.min() for scores in rows.values())) - 0.03, 1.14)
    ax.set_xlabel("score after training (0: before, 1: best run)")
    ax.grid(axis="x")
    ax.grid(axis="y", visible=False)
    return {name: float(scores.mean()) for name, scores in rows.items()}


def draw_against_kl(
    ax: Axes, recordings: Sequence[Recording], *, metric: str, colour: str, frontier: Frontier | None = None
) -> list[Annotation]:
    """Draw one figure on held-out prompts against KL: a path over the kl_coefs, large to small, that names each.

    A second seed is a hollow point, linked to the first. Over the score the frontier can stand. Returns the names,
    which are yet to give way to each other.
    """
    start = float(np.mean([run.before[metric] for run in recordings]))
    path, names = [(0.0, start)], []
    groups = {runs[0].changes["kl_coef"]: runs for runs in by_name(recordings).values()}
    for kl_coef in sorted(groups, reverse=True):
        points = [(run.after["kl"], run.after[metric]) for run in groups[kl_coef]]
        path.append(points[0])
        ax.plot(*np.transpose(points), "o:", color=colour, markerfacecolor="white", markersize=7, linewidth=1.6)
        names.append(label(ax, *points[0], f"{kl_coef:g}", colour, size=11.0))
    ax.plot(*np.transpose(path), "o-", color=colour, markersize=8, markeredgecolor="white")
    ax.plot(0.0, start, "o", color=REFERENCE, markersize=9)
    names.append(label(ax, 0.0, start, "before", REFERENCE))
    ax.set_xlabel("KL from the reference (nats per response)")
    ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    ax.margins(y=0.15)
    if frontier:
        draw_frontier_line(ax, frontier)
    return names


def draw_choices(axes: Iterable[Axes], recordings: Sequence[Recording], *, metric: str = "score") -> None:
    """Draw one metric of every choice over the default run's, one panel a choice: a thin line a seed, their mean."""
    groups = by_name(recordings)
    default = groups.pop("default")
    for ax, (name, runs) in zip(axes, groups.items(), strict=False):
        steps = runs[0].metrics["step"]
        curves, usual = (np.array([run.metrics[metric] for run in some], dtype=float) for some in (runs, default))
        apart = 7.0 if curves.mean(axis=0)[-1] >= usual.mean(axis=0)[-1] else -7.0
        for rows, words, colour, style, up in (
            (curves, "changed", POLICY, "-", apart),
            (usual, "default", REFERENCE, "--", -apart),
        ):
            ax.plot(steps, rows.T, color=colour, linewidth=0.9, alpha=0.6)
            ax.plot(steps, rows.mean(axis=0), color=colour, linestyle=style)
            _write_at_end(ax, float(steps[-1]), rows.mean(axis=0)[-1], words, colour, up=up)
        ax.set_xlim(steps[0], steps[-1] * 1.45)
        ax.set_xticks([step for step in steps if step % 4 == 0])
        ax.set_title(CHOICE_WORDS[name], fontsize=13)
        ax.set_xlabel("PPO step")
        ax.set_ylabel(metric)
        ax.label_outer()


def draw_label_noise(
    ax: Axes, data: LabelNoise, scorers: Mapping[str, float], *, noise: float = 0.0, pairs: int = 1024
) -> list[Artist]:
    """Draw accuracy against the number of pairs, and mark one point of it; returns the artists that mark it.

    Faint lines: every share of flipped labels. Level lines: the pair accuracy of the `scorers` that MARKS names.
    `move_label_noise` moves the mark.
    """
    for share, curves in data.one_person.items():
        ax.plot(data.pairs, curves.mean(axis=0), color="#B9BEC5", linewidth=1.4, zorder=1)
        words = f"{share:.0%} flipped" if share else "one rating decides"
        _write_at_end(ax, data.pairs[-1], curves.mean(axis=0)[-1], words, REFERENCE, up=0.0 if share else -2.0)
    mean = data.everybody.mean(axis=0)
    ax.plot(data.pairs, mean, color=PEOPLE, linestyle=(0, (4, 2)), linewidth=2)
    _write_at_end(ax, data.pairs[-1], mean[-1], "everybody decides", PEOPLE, up=10.0)
    for name, words in MARKS.items():
        height = scorers[name]
        colour = PEOPLE if words == "a person" else REFERENCE
        ax.plot(data.pairs[[0, -1]], [height, height], color=colour, linewidth=1.4, linestyle=":", zorder=1)
        label(ax, data.pairs[0], height, words, colour, side="left", gap=-4.0 if words == "length" else 3.0)
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_locator(FixedLocator(data.pairs))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticklabels([f"{count:,.0f}" for count in data.pairs])
    ax.set_xlim(data.pairs[0] / 1.2, data.pairs[-1] * 5)
    ax.spines["bottom"].set_bounds(ax.get_xlim()[0], data.pairs[-1])
    ax.set_ylim(0.45, 0.87)
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.set_xlabel("preference pairs to learn from")
    ax.set_title("Pairs of test sentences in the right order")
    (curve,) = ax.plot([], [], color=REWARD_MODEL, zorder=3)
    (point,) = ax.plot([], [], "o", color=REWARD_MODEL, markersize=12, markeredgecolor="white", zorder=4)
    words = ax.annotate("", (1, 1), xytext=(0, 14), textcoords="offset points", ha="center", weight="bold", zorder=5)
    words.set_color(ink(REWARD_MODEL))
    moving = [curve, point, words]
    move_label_noise(moving, data, noise=noise, pairs=pairs)
    return moving


def move_label_noise(moving: Sequence[Artist], data: LabelNoise, *, noise: float, pairs: int) -> float:
    """Mark the accuracy at a recorded share of flipped labels and number of pairs; returns it (a mean over seeds)."""
    curve, point, words = moving
    accuracy = data.one_person[noise].mean(axis=0)
    place = data.pairs.tolist().index(pairs)
    curve.set_data(data.pairs, accuracy)
    point.set_data([pairs], [accuracy[place]])
    words.xy = (pairs, accuracy[place])
    words.set_ha("left" if place == 0 else "right" if place == len(data.pairs) - 1 else "center")
    words.set_text(f"{accuracy[place]:.0%}")
    return float(accuracy[place])


def _write_at_end(ax: Axes, x: float, y: float, text: str, colour: str, *, up: float = 0.0) -> None:
    ax.annotate(text, (x, y), xytext=(8, up), textcoords="offset points", va="center", color=ink(colour), fontsize=12)
