"""Where the methods end on the toy language: reward against KL, and text by text against the optimum."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_lib.classroom.plots.methods import COLOURS
from course_lib.classroom.style import INK, REFERENCE, styled

Place = tuple[float, float]  # KL and mean reward
Texts = Float[np.ndarray, " texts"]

LEAST = 1e-5  # probabilities below are not drawn
MARKERS = {"PPO, REINFORCE, RLOO": ("o", 7), "DPO": ("o", 12), "GRPO": ("D", 7)}
HOLLOW = {"DPO"}  # so that what lies under it is seen


class FixedPointsPicture:
    """Two panels; the methods' marks follow the KL coefficient, the frontier and best-of-n stand still."""

    def __init__(self, frontier: Sequence[Place], best_of: Mapping[int, Place]):
        with styled():
            self.figure = Figure(figsize=(10, 4.8))
            plane, texts = self.figure.subplots(1, 2)
            draw_frontier(plane, frontier, best_of)
            draw_diagonal(texts)
            ring = {"markersize": 19, "markerfacecolor": "none", "markeredgecolor": INK, "markeredgewidth": 1.8}
            (self.optimum,) = plane.plot([], [], "o", **ring, zorder=4)
            (self.reference,) = texts.plot([], [], "x", color=REFERENCE, markersize=5, alpha=0.7)
            self.ends = {name: plane.plot([], [], **style(name), zorder=5)[0] for name in MARKERS}
            self.texts = {name: texts.plot([], [], **style(name, size=0.7))[0] for name in MARKERS}

    @property
    def moving(self) -> list[Artist]:
        """What follows the slider."""
        return [self.optimum, self.reference, *self.ends.values(), *self.texts.values()]

    def move(self, optimum: Texts, reference: Texts, methods: Mapping[str, Texts], places: Mapping[str, Place]) -> None:
        """Draw each method's texts over the optimum's, and its place; `places` has "optimum" too, as (KL, reward)."""
        self.optimum.set_data(*np.transpose([places["optimum"]]))
        self.reference.set_data(optimum, reference)
        for name, probabilities in methods.items():
            self.ends[name].set_data(*np.transpose([places[name]]))
            self.texts[name].set_data(optimum, probabilities)


def style(name: str, *, size: float = 1.0) -> dict:
    """Marker and colour of a method."""
    marker, points = MARKERS[name]
    colour = COLOURS[name.split(",")[0]]
    face = "none" if name in HOLLOW else colour
    edges = {"markerfacecolor": face, "markeredgecolor": colour, "markeredgewidth": 2 if name in HOLLOW else 0}
    return {"marker": marker, "markersize": points * size, "linestyle": "none", "label": name} | edges


def draw_frontier(ax: Axes, frontier: Sequence[Place], best_of: Mapping[int, Place]) -> None:
    """Draw the most reward that each KL can buy, and where best-of-n lies under it."""
    ax.plot(*np.transpose(frontier), color=REFERENCE, linewidth=2, zorder=1)
    colour = COLOURS["best of n"]
    ax.plot(*np.transpose(list(best_of.values())), "s", color=colour, markersize=6, zorder=2)
    for n, (kl, reward) in best_of.items():
        ax.annotate(
            f"n = {n}" if n == min(best_of) else f"{n}",
            (kl, reward),
            xytext=(7, -11),
            fontsize=10.5,
            textcoords="offset points",
            color=colour,
        )
    ax.set(xlim=(0, 1.05 * frontier[-1][0]), xlabel="KL from the reference (nats)", title="Mean reward")
    for height, words, ink in ((0.14, "line: the frontier, all π*", REFERENCE), (0.04, "squares: best of n", colour)):
        ax.text(0.98, height, words, transform=ax.transAxes, ha="right", color=ink, fontsize=12)


def draw_diagonal(ax: Axes) -> None:
    """Axes of probabilities; on the diagonal a method ends at the optimum."""
    ax.plot([LEAST, 1], [LEAST, 1], color=REFERENCE, linewidth=1.4, zorder=1)
    ax.set(xscale="log", yscale="log", xlim=(LEAST, 1), ylim=(LEAST, 1))
    ax.set(xlabel="probability under π*", title="Each of the 64 texts: its probability")
    ax.set_yticks([10.0**power for power in range(-4, 1)])  # the least stands under the corner
    ax.grid(axis="x")
    for name in MARKERS:
        ax.plot([], [], **style(name, size=0.8))
    ax.plot([], [], "x", color=REFERENCE, markersize=5, label="the reference")
    ax.legend(loc="upper left", fontsize=11, handletextpad=0.3, borderpad=0.1, labelspacing=0.3)
