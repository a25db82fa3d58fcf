"""Figure 1 of the PPO paper: what one token adds to the objective, and its gradient, against the ratio."""

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_lib.classroom.style import CLIP_REGION, INK, NEGATIVE, POINT, POSITIVE, REFERENCE, styled

Ratios = Float[np.ndarray, " ratios"]
Tokens = Float[np.ndarray, " tokens"]

RATIOS = np.linspace(0, 2, 401)
TITLES = ("Objective of one token", "Its gradient: slope over the ratio")


class ClipPanel:
    """One of the two panels: a curve over the ratio, the point of one token, a cloud of tokens, the clip band."""

    def __init__(self, ax: Axes, title: str, *, highest: float):
        ax.set(xlim=(0, 2), ylim=(-highest, highest), title=title, xlabel="ratio: new over old probability")
        self.zero = ax.axhline(0, color=REFERENCE, linewidth=1.2, zorder=1)
        ax.set_xticks([0, 0.5, 1, 1.5, 2])
        self.band = ax.axvspan(0.8, 1.2, color=CLIP_REGION, linewidth=0, zorder=0)
        self.band_name = ax.text(1, 0.96 * highest, "1 ± clip_eps", ha="center", va="top", fontsize=12, color="#6B6330")
        self.unclipped = ax.plot([], [], color=REFERENCE, linewidth=1.6, linestyle=(0, (3, 2)), zorder=2)[0]
        self.curve = ax.plot([], [], zorder=4)[0]
        self.point = ax.plot([], [], linestyle="none", markersize=12, **POINT)[0]
        self.clipped = ax.plot([], [], "x", color=INK, markersize=5, markeredgewidth=0.9, alpha=0.55, zorder=3)[0]
        self.positive = ax.plot([], [], "^", color=POSITIVE, markersize=4.5, alpha=0.45, linewidth=0, zorder=3)[0]
        self.negative = ax.plot([], [], "v", color=NEGATIVE, markersize=4.5, alpha=0.45, linewidth=0, zorder=3)[0]

    @property
    def moving(self) -> list[Artist]:
        """What follows the controls."""
        cloud = [self.clipped, self.positive, self.negative]
        return [self.band, self.zero, self.band_name, self.unclipped, self.curve, self.point, *cloud]

    def move_band(self, clip_eps: float) -> None:
        """Lay the clip band over 1 - clip_eps to 1 + clip_eps."""
        self.band.set_x(1 - clip_eps)
        self.band.set_width(2 * clip_eps)

    def move_curve(self, curve: Ratios, unclipped: Ratios, *, at: float, value: float, colour: str) -> None:
        """Draw the curve over RATIOS, and the token at its place on it."""
        self.curve.set_data(RATIOS, curve)
        self.unclipped.set_data(RATIOS, unclipped)
        self.point.set_data([at], [value])
        for artist in (self.curve, self.point):
            artist.set_color(colour)
        self.point.set_markeredgecolor("white")

    def move_cloud(
        self,
        ratio: Tokens,
        heights: Tokens,
        *,
        positive: Bool[np.ndarray, " tokens"],
        clipped: Bool[np.ndarray, " tokens"],
    ) -> None:
        """Draw each token of a batch: by the sign of its advantage, and crossed out where it has no gradient."""
        kinds = {self.clipped: clipped, self.positive: positive & ~clipped, self.negative: ~positive & ~clipped}
        for artist, chosen in kinds.items():
            artist.set_data(ratio[chosen], heights[chosen])

    def hide(self) -> None:
        """Take away everything that came from the objective."""
        for artist in (self.curve, self.unclipped, self.point, self.clipped, self.positive, self.negative):
            artist.set_data([], [])


def clip_figure() -> tuple[Figure, ClipPanel, ClipPanel]:
    """A figure with the panels of the objective and of its gradient, still empty."""
    with styled():
        figure = Figure(figsize=(10, 4.4))
        left, right = figure.subplots(1, 2)
        return figure, ClipPanel(left, TITLES[0], highest=4.0), ClipPanel(right, TITLES[1], highest=3.0)
