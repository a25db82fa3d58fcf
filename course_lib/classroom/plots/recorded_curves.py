"""Metrics of recorded runs by step, a small panel each: what a page says of a curve, drawn."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from course_lib.classroom.plots.relatives import seeds
from course_lib.classroom.style import NEGATIVE, POLICY, REFERENCE, styled
from course_lib.training.experiments.recordings import Recording

COLOURS = (POLICY, NEGATIVE, REFERENCE)
PANEL = (3.6, 2.9)  # inches


def curves_figure(groups: Mapping[str, Sequence[Recording]], **panels: str) -> Figure:
    """Draw the named metrics, `score="Score (sd)"`, by step: a thin line a run, a thick one the mean of its group."""
    if len(groups) > len(COLOURS):
        raise ValueError(f"expected at most {len(COLOURS)} groups, got {len(groups)}")
    with styled():
        figure = Figure(figsize=(PANEL[0] * len(panels), PANEL[1] + 0.35 * (len(groups) > 1)))
        axes = figure.subplots(1, len(panels), squeeze=False)[0]
        for ax, (metric, title) in zip(axes, panels.items(), strict=True):
            ax.axhline(0, color=REFERENCE, linewidth=0.8)
            for (name, runs), colour in zip(groups.items(), COLOURS, strict=False):
                steps, rows = runs[0].metrics["step"], seeds(runs, metric)
                ax.plot(steps, rows.T, color=colour, linewidth=1, alpha=0.45)
                ax.plot(steps, rows.mean(axis=0), color=colour, label=name)
            ax.set_title(title)
            ax.set_xlabel("PPO step")
            ax.xaxis.get_major_locator().set_params(integer=True)
        if len(groups) > 1:
            figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(groups))
    return figure
