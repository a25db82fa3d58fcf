"""Advantages, token by token: what came, what was expected, and what is left; and their spread and bias."""

import textwrap
from collections.abc import Sequence
from itertools import zip_longest

import numpy as np
from jaxtyping import Float
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from course_lib.classroom.style import INK, NEGATIVE, PALE, POLICY, POSITIVE, REFERENCE, REWARD_MODEL, ink, styled

Tokens = Float[np.ndarray, " tokens"]
Lambdas = Float[np.ndarray, " lambdas"]

MOST_TOKENS = 16
PROMPT_WIDTH = 10  # letters in a line of the prompt
LAMBDAS = np.linspace(0, 1, 21)


class AdvantagePicture:
    """Two panels over the tokens of a text: rewards, values and returns; TD residuals and advantages.

    Each token has a column, and so has the prompt, the first. What comes with a token stands in its column; a value is
    that of the text before the token, so it stands at the column's left edge, and so does the return, its target.
    """

    def __init__(self):
        with styled():
            self.figure = Figure(figsize=(10, 4.6), layout="none")
            self.figure.subplots_adjust(left=0.06, right=0.99, top=0.92, bottom=0.25, hspace=0.36)
            top, bottom = self.figure.subplots(2, 1, sharex=True)
            self.panels = (top, bottom)
            for ax, highest in zip(self.panels, (2.4, 3.0), strict=True):
                ax.set(xlim=(0, 1), ylim=(-highest, highest), xticks=[])
                ax.axhline(0, color=REFERENCE, linewidth=1.2, zorder=1)
                ax.grid(axis="x")
                ax.tick_params(axis="x", length=0)
            self.prompts = [ax.axvspan(0, 0.1, color=PALE, linewidth=0, zorder=0) for ax in self.panels]
            self.rewards = top.add_collection(LineCollection([], colors=REWARD_MODEL, linewidths=12))
            (self.values,) = top.plot([], [], "o-", color=POLICY, markersize=7, zorder=3)
            (self.returns,) = top.plot([], [], "s:", color=INK, markersize=5, linewidth=1.5, zorder=2)
            self.advantages = bottom.add_collection(LineCollection([], linewidths=22))
            (self.residuals,) = bottom.plot([], [], "D", color="white", markeredgecolor=INK, markersize=8, zorder=3)
            names = {"rewards (bars)": REWARD_MODEL, "before each token: values ●": POLICY, "and returns ■": INK}
            write_names(top, names, places=(0.0, 0.2, 0.55))
            names = {"advantages above 0": POSITIVE, "below 0 (bars)": NEGATIVE, "TD residuals ◇": INK}
            write_names(bottom, names, places=(0.0, 0.25, 0.5))
            self.names = [bottom.text(0, -3.2, "", ha="right", va="top", rotation=35) for _ in range(1 + MOST_TOKENS)]
            self.names[0].set(color=ink(REFERENCE), style="italic", linespacing=0.95)

    @property
    def moving(self) -> list[Artist]:
        """What follows the controls."""
        return [self.rewards, self.values, self.returns, self.advantages, self.residuals]

    def name(self, prompt: str, tokens: Sequence[str]) -> None:
        """Write prompt and tokens under their columns; this stands still while the numbers move."""
        lines = textwrap.fill(prompt, PROMPT_WIDTH)
        for text, written in zip_longest(self.names, [lines, *tokens[:MOST_TOKENS]], fillvalue=""):
            text.set_text(written.strip().replace("$", r"\$"))
        width = column_width(len(tokens))
        for text, place in zip(self.names, [width / 2, *centres(len(tokens))], strict=False):
            text.set_x(place + 0.01)
        for ax, prompt_column in zip(self.panels, self.prompts, strict=True):
            prompt_column.set_width(width)
            ax.set_xticks(befores(len(tokens)), [""] * len(tokens))

    def move(
        self,
        *,
        rewards: Tokens,
        values: Tokens,
        returns: Tokens,
        residuals: Tokens,
        advantages: Tokens,
    ) -> None:
        """Draw the numbers of a text."""
        x, before = centres(len(rewards)), befores(len(rewards))
        self.rewards.set_segments(bars(x, rewards))
        self.values.set_data(before, values)
        self.returns.set_data(before, returns)
        self.residuals.set_data(x, residuals)
        self.advantages.set_segments(bars(x, advantages))
        self.advantages.set_color([POSITIVE if advantage > 0 else NEGATIVE for advantage in advantages])


class SpreadPicture:
    """Mean and spread of the advantage of two tokens at the same place, against lambda."""

    COLOURS = (POSITIVE, NEGATIVE)

    def __init__(self, names: Sequence[str]):
        with styled():
            self.figure = Figure(figsize=(8, 4.5))
            ax = self.figure.subplots()
            ax.set(xlim=(0, 1), ylim=(-3, 3), xlabel="lambda", ylabel="advantage")
            ax.set_title("The same token, judged by many texts")
            ax.axhline(0, color=REFERENCE, linewidth=1.2, zorder=1)
            self.bands = [ax.fill([0], [0], color=colour, alpha=0.2, linewidth=0)[0] for colour in self.COLOURS]
            self.means = [ax.plot([], [], color=colour)[0] for colour in self.COLOURS]
            (self.here,) = ax.plot([], [], color=INK, linewidth=1.2, linestyle=(0, (2, 2)))
            for name, colour, height in zip(names, self.COLOURS, (2.9, -2.9), strict=True):
                side = "top" if height > 0 else "bottom"
                ax.text(0.02, height, f"{name}: mean ± sd", va=side, color=ink(colour), weight="bold")

    @property
    def moving(self) -> list[Artist]:
        """What follows the controls."""
        return [*self.bands, *self.means, self.here]

    def move(self, means: Sequence[Lambdas], spreads: Sequence[Lambdas], *, lam: float) -> None:
        """Draw mean and spread of both tokens over LAMBDAS, and a line at `lam`."""
        for band, line, mean, spread in zip(self.bands, self.means, means, spreads, strict=True):
            edge = np.concatenate([mean - spread, (mean + spread)[::-1]])
            band.set_xy(np.column_stack([np.concatenate([LAMBDAS, LAMBDAS[::-1]]), edge]))
            line.set_data(LAMBDAS, mean)
        self.here.set_data([lam, lam], [-3, 3])


def column_width(tokens: int) -> float:
    """How wide a column is, the prompt's as each token's, so that all of them fill 0 to 1."""
    return 1 / (1 + tokens)


def befores(tokens: int) -> Tokens:
    """The left edge of each token's column, where the text before it ends."""
    return column_width(tokens) * np.arange(1, 1 + tokens)


def centres(tokens: int) -> Tokens:
    """The middle of each token's column."""
    return befores(tokens) + column_width(tokens) / 2


def bars(x: Tokens, heights: Tokens) -> Float[np.ndarray, "tokens 2 2"]:
    """A line from 0 to the height at each place."""
    ends = np.stack([np.zeros_like(heights), heights], axis=1)
    return np.stack([np.repeat(x[:, None], 2, axis=1), ends], axis=2)


def write_names(ax: Axes, names: dict[str, str], *, places: Sequence[float]) -> None:
    """Write what is what over a panel, each name in its colour."""
    for place, (name, colour) in zip(places, names.items(), strict=True):
        ax.text(place, 1.04, name, transform=ax.transAxes, color=ink(colour), weight="bold", va="bottom")
