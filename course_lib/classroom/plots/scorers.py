"""How good scorers are, from one that knows nothing to a person: pair accuracy with people on held-out sentences."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_lib.classroom.style import JUDGE, PEOPLE, REFERENCE, REWARD_MODEL, ink, label, styled
from course_lib.training.experiments.scorers import SHIPPED

SHOWN = {
    "length": ("length of the text", REFERENCE),
    "VADER's rules": ("VADER’s rules", JUDGE),
    "GPT-2, from preferences": ("small GPT-2, 10,000 pairs", REWARD_MODEL),
    "TF-IDF + ridge": ("bag of words", REFERENCE),
    SHIPPED: ("small GPT-2, as shipped", REWARD_MODEL),
    "MLP on features, from preferences": ("MLP, 10,000 pairs", REWARD_MODEL),
    "MLP on features, from ratings": ("MLP, all ratings", REWARD_MODEL),
    "one person": ("one person", PEOPLE),
    "half of the people": ("half of the people", PEOPLE),
}


def scorers_figure(accuracies: Mapping[str, float]) -> Figure:
    """Draw the pair accuracy of the scorers that SHOWN names."""
    with styled():
        figure = Figure(figsize=(9, 4.8))
        draw_scorers(figure.subplots(), accuracies)
    return figure


def draw_scorers(ax: Axes, accuracies: Mapping[str, float]) -> None:
    """Draw one bar a scorer, the best on top, from a coin's accuracy on."""
    rows = sorted(((name, accuracies[name]) for name in SHOWN), key=lambda row: row[1])
    for height, (name, accuracy) in enumerate(rows):
        colour = SHOWN[name][1]
        ax.plot([0.5, accuracy], [height, height], color=colour, linewidth=9, alpha=0.55, solid_capstyle="butt")
        ax.plot(accuracy, height, "o", color=colour, markersize=11.0)
        place = {"xytext": (11, 0), "textcoords": "offset points", "va": "center"}
        ax.annotate(f"{accuracy:.2f}", (accuracy, height), color=ink(colour), weight="bold", **place)
    ax.axvline(0.5, color=REFERENCE, linewidth=1.2)
    label(ax, 0.505, len(rows) - 0.45, "a coin", REFERENCE, side="left", gap=0.1, size=11.0)
    ax.set_yticks(range(len(rows)), [SHOWN[name][0] for name, _ in rows])
    ax.set(xlim=(0.48, 0.98), ylim=(-0.6, len(rows) - 0.1), xlabel="pairs in the order of people’s mean ratings")
    ax.grid(axis="y", visible=False)
