"""Bradley-Terry: from two rewards to a gap, from the gap to a probability and a loss."""

import numpy as np
from jaxtyping import Float
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_lib.classroom.style import NEGATIVE, PEOPLE, POINT, REFERENCE, REWARD_MODEL, ink, label, styled

WIDEST = 8.0
HIGHEST_LOSS = 5.0
GAPS = np.linspace(-WIDEST, WIDEST, 321)
Gaps = Float[np.ndarray, " gaps"]
Pairs = Float[np.ndarray, " pairs"]


class BradleyTerryPicture:
    """Two rewards on a line, over the curves of probability and loss; a student's own pairs are marks on the curves."""

    def __init__(self):
        with styled():
            self.figure = Figure(figsize=(9.6, 5))
            grid = self.figure.add_gridspec(2, 2, height_ratios=(1, 3.2))
            self.rewards = RewardLine(self.figure.add_subplot(grid[0, :]))
            self.probability = GapCurve(self.figure.add_subplot(grid[1, 0]), "Probability that it is chosen", 1.0)
            self.loss = GapCurve(self.figure.add_subplot(grid[1, 1]), "Loss: −log probability", HIGHEST_LOSS)
            for panel, level, name in ((self.probability, 0.5, "a coin"), (self.loss, np.log(2), "log 2 = 0.69")):
                panel.ax.axhline(level, color=REFERENCE, linewidth=1.2, linestyle=(0, (4, 3)), zorder=1)
                side, x = ("left", -WIDEST) if panel is self.probability else ("right", WIDEST)
                label(panel.ax, x, float(level), name, REFERENCE, side=side, gap=3.0, size=11.0)

    @property
    def moving(self) -> list[Artist]:
        """What follows the sliders."""
        return self.rewards.moving + self.probability.moving + self.loss.moving


class RewardLine:
    """The rewards of two texts as points on a line, and the gap between them as a bar."""

    def __init__(self, ax: Axes):
        ax.set(xlim=(-WIDEST, WIDEST), ylim=(-1, 1), xlabel="reward")
        ax.set_yticks([])
        ax.grid(visible=False)
        ax.spines["left"].set_visible(False)
        self.bar = ax.plot([], [], linewidth=6, alpha=0.4, solid_capstyle="butt")[0]
        self.rejected = ax.plot([], [], "o", markersize=13, color="white", markeredgecolor=REWARD_MODEL, mew=2.5)[0]
        self.chosen = ax.plot([], [], "o", markersize=13, color=REWARD_MODEL, markeredgecolor="white", mew=1.5)[0]
        style = {"ha": "center", "fontsize": 12, "color": ink(REWARD_MODEL), "weight": "bold"}
        self.names = [ax.text(0, 0.4, "chosen", va="bottom", **style), ax.text(0, -0.4, "rejected", va="top", **style)]

    @property
    def moving(self) -> list[Artist]:
        """Bar, points and names."""
        return [self.bar, self.rejected, self.chosen, *self.names]

    def move(self, chosen: float, rejected: float) -> None:
        """Put the two texts at their rewards."""
        self.bar.set_data([rejected, chosen], [0, 0])
        self.bar.set_color(REWARD_MODEL if chosen >= rejected else NEGATIVE)
        self.chosen.set_data([chosen], [0])
        self.rejected.set_data([rejected], [0])
        for name, x in zip(self.names, (chosen, rejected), strict=True):
            name.set_x(x)


class GapCurve:
    """One curve over the gap of the rewards, a point on it, and a mark for each of the student's pairs."""

    def __init__(self, ax: Axes, title: str, highest: float):
        ax.set(xlim=(-WIDEST, WIDEST), ylim=(0, 1.06 * highest), title=title)
        ax.set_xlabel("gap: chosen − rejected reward")
        ax.set_xticks([-6, -3, 0, 3, 6])
        ax.axvline(0, color=REFERENCE, linewidth=1.0, zorder=1)
        self.ax = ax
        self.curve = ax.plot([], [], color=REWARD_MODEL, zorder=3)[0]
        self.marks = ax.plot([], [], "D", color=PEOPLE, markersize=7, markeredgecolor="white", alpha=0.85, zorder=4)[0]
        self.point = ax.plot([], [], color=REWARD_MODEL, linestyle="none", markersize=13, **POINT)[0]

    @property
    def moving(self) -> list[Artist]:
        """Curve, marks and point."""
        return [self.curve, self.marks, self.point]

    def move(self, heights: Gaps, marks: tuple[Pairs, Pairs], point: tuple[float, float]) -> None:
        """Draw the curve over GAPS, the marks, and the point."""
        self.curve.set_data(GAPS, heights)
        # what lies beyond the picture is drawn at its edge
        self.marks.set_data(marks[0].clip(-WIDEST, WIDEST), marks[1].clip(0, self.ax.get_ylim()[1]))
        self.point.set_data([np.clip(point[0], -WIDEST, WIDEST)], [min(point[1], self.ax.get_ylim()[1])])

    def hide(self) -> None:
        """Take everything away."""
        for artist in self.moving:
            artist.set_data([], [])
