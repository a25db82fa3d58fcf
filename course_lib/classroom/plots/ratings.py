"""What people said: every single rating of a sentence, and how often two draws of them disagree."""

import textwrap
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from course_lib.classroom.style import PEOPLE, REFERENCE, ink, label, styled
from course_lib.classroom.words import number
from course_lib.training.ratings import RatedSentence

RATINGS = np.arange(-4, 5)
MOST = 20  # raters at one rating, at most
EDGES = (0.0, 0.5, 1.0, 2.0, 3.0, np.inf)  # of the gap between two mean ratings
NAMES = ("under 0.5", "0.5 to 1", "1 to 2", "2 to 3", "over 3")


class RatingsPicture:
    """A sentence and its ratings, one dot a person, and their mean."""

    def __init__(self):
        with styled():
            self.figure = Figure(figsize=(8, 4.5), layout="none")
            self.ax = ax = self.figure.add_axes((0.03, 0.15, 0.94, 0.57))
        ax.set(xlim=(-4.6, 4.6), ylim=(0, MOST), yticks=[], xlabel="rating: −4 very negative, +4 very positive")
        ax.set_xticks(RATINGS, [written(rating) for rating in RATINGS])
        ax.spines["left"].set_visible(False)
        ax.grid(visible=False)
        self.text = self.figure.text(0.03, 0.96, "", va="top", fontsize=15)
        self.dots = ax.plot([], [], "o", color=PEOPLE, markersize=9.5, markeredgecolor="white", zorder=3)[0]
        self.mean = ax.plot([], [], color=ink(PEOPLE), linewidth=1.8, linestyle=(0, (4, 3)), zorder=2)[0]
        self.name = ax.text(0, MOST, "", va="top", fontsize=13, color=ink(PEOPLE), weight="bold")

    @property
    def moving(self) -> list[Artist]:
        """What follows the sentence."""
        return [self.text, self.dots, self.mean, self.name]

    def move(self, sentence: RatedSentence) -> None:
        """Show this sentence and its ratings."""
        self.text.set_text(textwrap.fill(sentence.text, 72, max_lines=4, placeholder=" ...").replace("$", r"\$"))
        counts = [sentence.ratings.count(rating) for rating in RATINGS]
        places = [(rating, 0.6 + row) for rating, count in zip(RATINGS, counts, strict=True) for row in range(count)]
        self.dots.set_data(*np.array(places).T)
        self.mean.set_data([sentence.mean, sentence.mean], [0, MOST])
        left = sentence.mean < 2.5
        self.name.set(x=sentence.mean + (0.12 if left else -0.12), ha="left" if left else "right")
        self.name.set_text(f"mean {number(sentence.mean, '{:+z.1f}')}")


def disagreement(sentences: Sequence[RatedSentence], *, pairs: int = 100_000, seed: int = 0) -> list[float]:
    """How often two draws of a rating for each of two sentences prefer different ones, by the gap of the means.

    The data do not tell which ratings are by the same person, so a draw mixes two; one with a tie is left out. One
    share for each of NAMES, 0 where no pair has such a gap.
    """
    generator = np.random.default_rng(seed)
    means = np.array([sentence.mean for sentence in sentences])
    a, b = generator.integers(len(sentences), size=(2, pairs))
    sizes = np.array([len(sentence.ratings) for sentence in sentences])
    ratings = np.zeros((len(sentences), sizes.max()), dtype=int)
    for row, sentence in enumerate(sentences):
        ratings[row, : sizes[row]] = sentence.ratings
    one, other = (
        np.sign(ratings[a, generator.integers(sizes[a])] - ratings[b, generator.integers(sizes[b])]) for _ in range(2)
    )
    decided = (one != 0) & (other != 0) & (a != b)
    gaps = np.abs(means[a] - means[b])
    bins = [decided & (gaps >= low) & (gaps < high) for low, high in pairwise(EDGES)]
    return [float((one != other)[inside].mean()) if inside.any() else 0.0 for inside in bins]


def disagreement_figure(sentences: Sequence[RatedSentence]) -> Figure:
    """Draw how often two draws disagree on a pair."""
    with styled():
        figure = Figure(figsize=(8, 4))
        draw_disagreement(figure.subplots(), disagreement(sentences))
    return figure


def draw_disagreement(ax: Axes, shares: Sequence[float]) -> None:
    """Draw the share of draws that disagree, by the gap between the sentences' mean ratings."""
    ax.bar(NAMES, shares, color=PEOPLE, width=0.7)
    for place, share in enumerate(shares):
        inside = share > 0.1  # else the number would stand on the line of two coins
        look = {"color": "black" if inside else ink(PEOPLE), "va": "top" if inside else "bottom"}
        ax.text(place, share - 0.01 if inside else share + 0.01, f"{share:.0%}", ha="center", weight="bold", **look)
    ax.axhline(0.5, color=REFERENCE, linewidth=1.2, linestyle=(0, (4, 3)))
    label(ax, len(NAMES) - 0.6, 0.5, "two coins", REFERENCE, gap=3.0)
    ax.set(ylim=(0, 0.6), xlabel="gap between the two mean ratings", title="How often two draws disagree on a pair")
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def written(rating: int | np.integer) -> str:
    """A rating with its sign."""
    return number(rating, "{:+d}") if rating else "0"
