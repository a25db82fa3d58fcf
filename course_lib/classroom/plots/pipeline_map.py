"""The map of the course: pretraining, reward modeling, PPO, and what passes between them."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from course_lib.classroom.style import INK, PEOPLE, POLICY, REFERENCE, REWARD_MODEL, ink, styled

Point = tuple[float | int, float | int]
MAP_SAYS = (
    "Three steps. First, pretraining on texts makes a small GPT-2, the reference. Second, people's ratings make a "
    "reward model. Third, PPO trains the policy, which starts as a copy of the reference: it writes texts, the "
    "reward model scores them, and a KL leash ties it to the reference."
)


def pipeline_map() -> Figure:
    """Draw the map as a figure of its own; `MAP_SAYS` says it in words."""
    with styled():
        figure = Figure(figsize=(10, 4.5), layout="none")
        draw_pipeline_map(figure.add_axes((0, 0, 1, 1)))
    return figure


def draw_pipeline_map(ax: Axes) -> None:
    """Draw the map in units of a tenth of an inch, on axes of 100 x 45."""
    ax.set(xlim=(0, 100), ylim=(0, 45))
    ax.axis("off")
    box(ax, 2, 27, 20, "Texts", "film reviews and\nother English", INK)
    box(ax, 2, 5, 20, "People", "rate sentences,\n−4 to +4", PEOPLE)
    box(ax, 38, 27, 22, "Reference", "a small GPT-2,\nleft as it is", REFERENCE)
    box(ax, 38, 5, 22, "Reward model", "scores a text\nas people would", REWARD_MODEL)
    box(ax, 76, 16, 22, "Policy", "the GPT-2\nthat changes", POLICY)
    step(ax, (22, 33.5), (38, 33.5), "1 Pretraining")
    step(ax, (22, 11.5), (38, 11.5), "2 Reward\nmodeling")
    ax.text(98, 30.2, "3 PPO", ha="right", va="bottom", weight="bold", fontsize=14)
    arrow(ax, (60, 37), (84, 29), bend=-0.3)
    ax.text(73, 39.3, "starts as a copy", ha="center", va="bottom", fontsize=12.5)
    ax.plot([60.4, 75.8], [30.5, 26], color=REFERENCE, linewidth=3.2, linestyle=(0, (1, 1)))
    ax.text(67.5, 26.6, "KL leash", ha="right", va="top", color=ink(REFERENCE), weight="bold", fontsize=12.5)
    arrow(ax, (76, 19), (60, 14), colour=POLICY)
    ax.text(68.5, 17.6, "texts", ha="right", va="bottom", color=ink(POLICY), weight="bold", fontsize=12.5)
    arrow(ax, (60, 8), (86, 16), bend=0.3, colour=REWARD_MODEL)
    ax.text(77, 5.4, "scores", ha="left", va="center", color=ink(REWARD_MODEL), weight="bold", fontsize=12.5)


def box(ax: Axes, x: int, y: int, width: int, title: str, words: str, colour: str) -> None:
    """Draw a box 13 high with a title and a few words; (x, y) is its lower left corner."""
    style = "round,pad=0,rounding_size=1.2"
    ax.add_patch(FancyBboxPatch((x, y), width, 13, boxstyle=style, facecolor="white", edgecolor=colour, linewidth=2.6))
    ax.text(x + width / 2, y + 11.6, title, ha="center", va="top", color=ink(colour), weight="bold", fontsize=15)
    ax.text(x + width / 2, y + 4.3, words, ha="center", va="center", fontsize=12.5, linespacing=1.25)


def step(ax: Axes, start: Point, end: Point, name: str) -> None:
    """Draw one of the numbered steps: a straight arrow with its name over it."""
    arrow(ax, start, end)
    ax.text((start[0] + end[0]) / 2, start[1] + 1.4, name, ha="center", va="bottom", weight="bold", fontsize=14)


def arrow(ax: Axes, start: Point, end: Point, *, bend: float = 0.0, colour: str = INK) -> None:
    """Draw an arrow, bent to one side."""
    look = {"arrowstyle": "-|>,head_width=0.35,head_length=0.7", "color": colour, "linewidth": 2.2}
    shape = {"connectionstyle": f"arc3,rad={bend}", "shrinkA": 2, "shrinkB": 2}
    ax.annotate("", end, start, arrowprops=look | shape)
