"""What each method makes of the same scores: one row of bars a method, for two prompts with four texts each."""

import numpy as np
from jaxtyping import Float
from matplotlib.artist import Artist
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from course_lib.classroom.style import NEGATIVE, POSITIVE, REFERENCE, ink, styled
from course_lib.classroom.words import number

Bars = Float[np.ndarray, " texts"]

TITLES = {
    "scores": "Scores",
    "REINFORCE": "REINFORCE: less the mean of all others",
    "RLOO": "RLOO: less the mean of its prompt's others",
    "GRPO": "GRPO: less its prompt's mean, over its spread",
}
HIGHEST = 5.4


class GroupsPicture:
    """Four panels of eight bars; those of prompt A carry their numbers (more of them would take too long to draw)."""

    def __init__(self, texts: int):
        self.bars, self.numbers = {}, {}
        with styled():
            self.figure = Figure(figsize=(9.2, 4.9))
            axes = self.figure.subplots(2, 2, sharex=True, sharey=True)
            for ax, (name, title) in zip(axes.flat, TITLES.items(), strict=True):
                ax.set_title(title, fontsize=11.5)
                ax.set(ylim=(-HIGHEST, HIGHEST), xlim=(-0.6, texts - 0.4))
                ax.set_xticks(range(texts), [f"A{i + 1}" for i in range(texts // 2)] + ["B1", "B2", "B3", "B4"])
                ax.axvline(texts / 2 - 0.5, color=REFERENCE, linewidth=1, linestyle=(0, (2, 2)))
                ax.axhline(0, color=REFERENCE, linewidth=1.2)
                self.bars[name] = ax.add_collection(LineCollection([], linewidths=26, capstyle="butt"))
                self.numbers[name] = [ax.text(place, 0, "", ha="center", fontsize=11) for place in range(texts // 2)]

    @property
    def moving(self) -> list[Artist]:
        """What follows the sliders."""
        return [*self.bars.values(), *(words for row in self.numbers.values() for words in row)]

    def move(self, name: str, values: Bars) -> None:
        """Set the bars of one panel; what is too high is cut off, its number stays."""
        colours = [REFERENCE if name == "scores" else POSITIVE if value > 0 else NEGATIVE for value in values]
        heights = np.clip(values, -HIGHEST + 0.9, HIGHEST - 0.9)
        self.bars[name].set_segments([[(place, 0), (place, height)] for place, height in enumerate(heights)])
        self.bars[name].set_color(colours)
        for words, value, shown, colour in zip(self.numbers[name], values, heights, colours, strict=False):
            words.set(text=number(value, "{:+z.1f}"), y=shown + (0.15 if shown >= 0 else -0.15))
            words.set(va="bottom" if shown >= 0 else "top", color=ink(colour))
