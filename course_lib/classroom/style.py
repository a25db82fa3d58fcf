"""The look of every picture: one matplotlib style, and colours that mean the same thing everywhere.

Colours are Okabe and Ito's, which stay apart under the common kinds of colour blindness; those that are not say so.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.text import Annotation

POLICY = "#0072B2"  # blue
REFERENCE = "#767676"  # grey
PEOPLE = "#E69F00"  # orange
GOLD = "#A89A00"  # yellow, darkened to be seen on white: the reward model that stands in for people
REWARD_MODEL = "#009E73"  # green
JUDGE = "#CC79A7"  # purple: the judge that the policy never trains against
POSITIVE = "#14879A"  # teal: an advantage above 0
NEGATIVE = "#D55E00"  # vermilion: an advantage below 0, and a warning
CLIP_REGION = "#F6F0CF"  # a pale band
INK = "#22262B"
PALE = "#E3E5E8"
POINT = {"marker": "o", "markeredgecolor": "white", "mew": 2, "zorder": 5, "clip_on": False, "in_layout": False}
"""The point that a slider moves, whole also where it stands at the edge of its panel."""

STYLE = {
    "figure.dpi": 100,
    "savefig.dpi": 100,
    "figure.figsize": (8, 4.5),
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",
    "font.size": 14,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.labelsize": 13,
    "axes.titlesize": 14,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.edgecolor": "#9AA0A6",
    "axes.linewidth": 0.9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.unicode_minus": True,
    "grid.color": PALE,
    "grid.linewidth": 0.8,
    "xtick.color": "#4A5058",
    "ytick.color": "#4A5058",
    "xtick.labelsize": 12,
    "ytick.labelsize": 12,
    "ytick.major.size": 0,
    "lines.linewidth": 2.6,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
}


def use_style() -> None:
    """Make the style the default of this Python session, as a notebook's first cell does."""
    mpl.rcParams.update(STYLE)


@contextmanager
def styled() -> Iterator[None]:
    """Apply the style inside a `with` block and leave everything else as it was."""
    with mpl.rc_context(STYLE):
        yield


def ink(colour: str) -> tuple[float, float, float]:
    """Darken a colour by 40% so that words in it can be read on white."""
    red, green, blue = to_rgb(colour)
    return 0.6 * red, 0.6 * green, 0.6 * blue


def label(
    ax: Axes, x: float, y: float, text: str, colour: str, *, side: str = "right", gap: float = 6.0, size: float = 12.0
) -> Annotation:
    """Write `text` in `colour`, `gap` points over (or under, if negative) the point (x, y), flush at its `side`."""
    return ax.annotate(
        text,
        (x, y),
        xytext=(0, gap),
        textcoords="offset points",
        ha=side,
        va="bottom" if gap > 0 else "top",
        color=ink(colour),
        weight="bold",
        fontsize=size,
    )
