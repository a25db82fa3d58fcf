"""Bias and spread of k1, k2 and k3 as the policy leaves the reference."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from course_lib.classroom.style import NEGATIVE, POLICY, REFERENCE, REWARD_MODEL, label
from course_lib.training.experiments.kl_estimates import Errors

COLOURS = {"k1": POLICY, "k2": REWARD_MODEL, "k3": NEGATIVE}
HIGHEST = 100.0


def draw_estimators(bias: Axes, spread: Axes, measured: Sequence[tuple[float, Errors]], *, policy_kl: float) -> None:
    """Draw both errors of one estimate, as shares of the KL, against the KL a token; a line marks our policy."""
    kls = [kl for kl, _ in measured]
    for ax, place, title in ((bias, 0, "Bias, over the KL"), (spread, 1, "Spread (sd), over the KL")):
        ax.axvline(policy_kl, color=REFERENCE, linewidth=1.2, linestyle=(0, (2, 2)))
        for name, colour in COLOURS.items():
            heights = [errors[name][place] for _, errors in measured]
            size = 10 if name == "k1" else 5  # where two lines are one, both are seen
            ax.plot(kls, heights, "o-", color=colour, markersize=size, label=name)
        ax.set(xscale="log", xlabel="KL (nats per token)", title=title)
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_locator(FixedLocator([0.01, 0.1, 1]))
        ax.set_xticklabels(["0.01", "0.1", "1"])
    spread.set(yscale="log", ylim=(1, HIGHEST))
    spread.set_yticks([1, 3, 10, 30, 100], ["1", "3", "10", "30", "100"])
    spread.yaxis.set_minor_locator(NullLocator())
    bias.legend(loc="upper left")
    label(bias, policy_kl, 0.5 * bias.get_ylim()[1], "our policy ", REFERENCE, gap=0.1)
