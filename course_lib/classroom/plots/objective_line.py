"""Figure 2 of the PPO paper, drawn: what the objectives promise from the old parameters through the new ones."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_lib.classroom.style import INK, POLICY, REFERENCE, label, styled
from course_lib.classroom.words import number
from course_lib.training.experiments.objective_line import ObjectiveLine

TITLES = ("The texts of the update", "Fresh texts of the old policy")


def draw_objective_line(ax: Axes, kl_ax: Axes, line: ObjectiveLine) -> None:
    """Draw the three objectives on `ax`, and the KL below on `kl_ax`; thin lines mark old and new parameters."""
    ax.plot(line.t, line.unclipped, color=REFERENCE, linestyle=(0, (4, 2)), label="ratio × A")
    ax.plot(line.t, line.clipped, color=INK, linewidth=1.6, linestyle=(0, (1, 1.5)), label="clipped ratio × A")
    ax.plot(line.t, line.lower_bound, color=POLICY, label="the smaller one: PPO’s")
    kl_ax.plot(line.t, line.kl, color=POLICY)
    here = np.interp(1, line.t, line.kl)
    kl_ax.plot(1, here, "o", color=POLICY, markersize=8)
    label(kl_ax, 1.0, here, f"{here:.2f}", POLICY)
    kl_ax.set(xlim=(line.t[0], line.t[-1]), ylim=(0, 1.1 * line.kl.max()), xlabel="t: 0 old, 1 new parameters")
    for axes in (ax, kl_ax):
        for t in (0, 1):
            axes.axvline(t, color=REFERENCE, linewidth=1, zorder=1)


def objective_line_figure(trained: ObjectiveLine, fresh: ObjectiveLine) -> Figure:
    """The picture as a notebook shows it: the line on the batch of the update, and on fresh texts, on one scale."""
    with styled():
        figure = Figure(figsize=(10, 5.5))
        axes = figure.subplots(2, 2, sharex=True, height_ratios=(2.4, 1))
        high = 2 * max(line.lower_bound.max() for line in (trained, fresh))
        for (ax, kl_ax), line, title in zip(axes.T, (trained, fresh), TITLES, strict=True):
            draw_objective_line(ax, kl_ax, line)
            ax.set(title=title, ylim=(-0.6 * high, high))
            ax.axhline(0, color=REFERENCE, linewidth=1, zorder=1)
        axes[0, 0].set_ylabel("mean over tokens")
        axes[1, 0].set_ylabel("KL(old || new)\nnats a token")
        axes[0, 1].legend(loc="upper right", fontsize=12)
    return figure


def say_objective_line(trained: ObjectiveLine, fresh: ObjectiveLine) -> str:
    """Say in words what the picture shows, and where on fresh texts PPO's objective is highest."""
    on_trained, on_fresh = say_one(trained), say_one(fresh)
    peak = fresh.t[fresh.lower_bound.argmax()]
    return (
        f"At the new parameters (t = 1), on the texts of the update: {on_trained}. On fresh texts: {on_fresh}; "
        f"of the places measured, PPO’s objective is highest there at t = {peak:g}."
    )


def say_one(line: ObjectiveLine) -> str:
    """The objectives and the KL at t = 1, and at the far end of the line."""
    measured = (line.unclipped, "{:+z.1f}"), (line.lower_bound, "{:+z.1f}"), (line.kl, "{:.1f}")
    unclipped, bound, kl = (number(np.interp(1, line.t, values), form) for values, form in measured)
    last_unclipped, last_bound, _ = (number(values[-1], form) for values, form in measured)
    return (
        f"ratio × A {unclipped}, PPO’s objective {bound}, KL {kl} nats a token; "
        f"at t = {line.t[-1]:.0f} {last_unclipped} and {last_bound}"
    )
