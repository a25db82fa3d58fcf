"""Figure 2 of the PPO paper, drawn: what the objectives promise from the old parameters through the new ones."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_lib.classroom.style import INK, POLICY, REFERENCE, ink, label, styled
from course_lib.training.objective_line import ObjectiveLine

TITLES = ("The texts of the update", "Fresh texts of the old policy")
LINES = {"ratio × A": REFERENCE, "clipped ratio × A": INK, "the smaller, PPO’s": POLICY}


def draw_objective_line(ax: Axes, kl_ax: Axes, line: ObjectiveLine) -> None:
    """Draw the three objectives on `ax`, in view as far as PPO's own needs, and the KL below on `kl_ax`."""
    ax.plot(line.t, line.unclipped, color=REFERENCE, linestyle=(0, (4, 2)))
    ax.plot(line.t, line.clipped, color=INK, linewidth=1.6, linestyle=(0, (1, 1.5)))
    ax.plot(line.t, line.lower_bound, color=POLICY)
    far = 1.3 * np.abs(line.lower_bound[line.t >= 0]).max()
    ax.set(xlim=(line.t[0], line.t[-1]), ylim=(-far, 1.8 * far), yticks=[0])
    ax.axhline(0, color=REFERENCE, linewidth=1, zorder=1)
    ax.ticklabel_format(axis="y", style="plain")
    ax.set_yticks(
        [-far / 1.3, 0, far / 1.3], [f"{height:.2f}".replace("-", "−") for height in (-far / 1.3, 0, far / 1.3)]
    )
    kl_ax.plot(line.t, line.kl, color=POLICY)
    kl_ax.set(xlabel="t: 0 old, 1 new parameters", ylim=(0, 1.1 * line.kl.max()))
    here = np.interp(1, line.t, line.kl)
    kl_ax.plot(1, here, "o", color=POLICY, markersize=8)
    label(kl_ax, 1, here, f"{here:.2f}", POLICY)
    for axes in (ax, kl_ax):
        for t in (0, 1):
            axes.axvline(t, color=REFERENCE, linewidth=1, zorder=1)


def objective_line_figure(trained: ObjectiveLine, fresh: ObjectiveLine) -> Figure:
    """The picture as a notebook shows it: the line on the batch of the update, and on fresh texts."""
    with styled():
        figure = Figure(figsize=(10, 5.5))
        axes = figure.subplots(2, 2, sharex=True, height_ratios=(2.4, 1))
        for (ax, kl_ax), line, title in zip(axes.T, (trained, fresh), TITLES, strict=True):
            draw_objective_line(ax, kl_ax, line)
            ax.set_title(title)
        axes[0, 0].set_ylabel("mean over tokens")
        axes[1, 0].set_ylabel("KL(old || new)\nnats a token")
        for height, (name, colour) in zip((0.93, 0.84, 0.75), LINES.items(), strict=True):
            axes[0, 1].text(
                0.3, height, name, transform=axes[0, 1].transAxes, color=ink(colour), weight="bold", va="center"
            )
    return figure


def say_objective_line(trained: ObjectiveLine, fresh: ObjectiveLine) -> str:
    """Say in words what the picture shows."""
    return f"At the new parameters (t = 1), on the texts of the update: {say_one(trained)}. On fresh texts: {say_one(fresh)}."


def say_one(line: ObjectiveLine) -> str:
    """The objectives and the KL at t = 1, and at the far end of the line."""
    unclipped, bound, kl = (np.interp(1, line.t, values) for values in (line.unclipped, line.lower_bound, line.kl))
    return (
        f"ratio × A {unclipped:+.1f}, PPO’s objective {bound:+.1f}, KL {kl:.1f} nats a token; at t = {line.t[-1]:.0f} "
        f"{line.unclipped[-1]:+.1f} and {line.lower_bound[-1]:+.1f}"
    ).replace("-", "−")
