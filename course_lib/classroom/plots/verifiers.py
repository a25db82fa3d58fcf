"""Training against verifiers: how often texts pass, step by step, in k tries, and at what distance."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter

from course_lib.classroom.plots.methods import COLOURS
from course_lib.classroom.plots.relatives import MARKERS, seeds, smooth
from course_lib.classroom.style import REFERENCE, styled
from course_lib.equations.verified import least_kl, pass_at_k
from course_lib.training.experiments.recorded_verifiers import (
    KS,
    VERIFIED_METHODS,
    WITHOUT,
    chosen,
    least_nats,
    mean_pass_at_k,
    reference_rate,
    rules_of,
)
from course_lib.training.experiments.recordings import Recording


def three_panels(recordings: Sequence[Recording], title: str) -> tuple[Figure, dict[str, Axes]]:
    """A figure with one panel for each verifier, in the order of the runs, all with the same shares upwards."""
    rules = rules_of(recordings)
    with styled():
        figure = Figure(figsize=(10, 4.2))
        axes = np.atleast_1d(figure.subplots(1, len(rules), sharey=True))
        for ax, rule in zip(axes, rules, strict=True):
            ax.set_title(rule, fontsize=13)
            ax.set_ylim(-0.02, 1.04)
            ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes[0].set_ylabel(title)
    return figure, dict(zip(rules, axes, strict=True))


def pass_rate_figure(recordings: Sequence[Recording], *, kl_coef: float) -> Figure:
    """Draw the share of each batch that passes, a line a method: the mean of its seeds, and their range."""
    figure, panels = three_panels(recordings, "texts that pass")
    for rule, ax in panels.items():
        for method in VERIFIED_METHODS:
            runs = chosen(recordings, pleased=rule, method=method, kl_coef=kl_coef)
            if runs:
                steps, rates = runs[0].metrics["step"], np.apply_along_axis(smooth, 1, seeds(runs, "score"))
                ax.plot(steps, rates.mean(axis=0), color=COLOURS[method], label=method)
                band = {"color": COLOURS[method], "alpha": 0.18, "linewidth": 0}
                ax.fill_between(steps, rates.min(axis=0), rates.max(axis=0), **band)
        ax.set_xlabel("step")
    panels[next(iter(panels))].legend(fontsize=11, loc="upper left")
    return figure


def say_pass_rates(recordings: Sequence[Recording], *, kl_coef: float) -> str:
    """Say what share of the last batches of `pass_rate_figure` passes, in one sentence."""
    return f"Share of the last batch that passes, means of the seeds: {_of_methods(recordings, kl_coef)}."


def _of_methods(recordings: Sequence[Recording], kl_coef: float) -> str:
    parts = []
    for rule in rules_of(recordings):
        rates = []
        for method in VERIFIED_METHODS:
            runs = chosen(recordings, pleased=rule, method=method, kl_coef=kl_coef)
            rates += [f"{method} {seeds(runs, 'score')[:, -1].mean():.0%}"] if runs else []
        parts.append(f"{rule} {', '.join(rates)}")
    return "; ".join(parts)


def pass_at_k_figure(recordings: Sequence[Recording], *, pass_at_k: Callable = pass_at_k) -> Figure:
    """Draw pass@k of held-out prompts over k: before, and after training by each method without a penalty."""
    figure, panels = three_panels(recordings, "pass@k")
    for rule, ax in panels.items():
        before = [run.before for run in chosen(recordings, pleased=rule)]
        lines = {"before": (before, REFERENCE, "o")}
        for method in VERIFIED_METHODS:
            runs = chosen(recordings, pleased=rule, method=method, kl_coef=WITHOUT)
            lines[f"after {method}"] = [run.after for run in runs], COLOURS[method], MARKERS[method]
        for words, (figures, colour, marker) in lines.items():
            if figures:
                rates = mean_pass_at_k(figures, pass_at_k=pass_at_k)
                ax.plot(KS, rates, marker=marker, color=colour, linewidth=2, markersize=6, label=words)
        ax.set_xscale("log", base=2)
        ax.xaxis.set_major_locator(FixedLocator(KS))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_xticklabels([str(k) for k in KS], fontsize=10)
        ax.set_xlabel("k")
    list(panels.values())[-1].legend(fontsize=10, loc="center right")
    return figure


def say_pass_at_k(recordings: Sequence[Recording]) -> str:
    """Say where the curves of `pass_at_k_figure` end, those after training as their range, in one sentence."""
    parts = []
    for rule in rules_of(recordings):
        one, many = mean_pass_at_k([run.before for run in chosen(recordings, pleased=rule)])[[0, -1]]
        groups = (chosen(recordings, pleased=rule, method=method, kl_coef=WITHOUT) for method in VERIFIED_METHODS)
        ends = [mean_pass_at_k([run.after for run in runs])[-1] for runs in groups if runs]
        parts.append(f"{rule} from {one:.1%} to {many:.0%}, after it {min(ends):.0%} to {max(ends):.0%}")
    return f"pass@k before training, k from 1 to {KS[-1]}, and pass@{KS[-1]} after it: {'; '.join(parts)}."


def price_figure(recordings: Sequence[Recording]) -> Figure:
    """Draw where each run ended on held-out prompts, pass rate against KL, beside the least KL of such a pass rate.

    Full marks are without a penalty, hollow ones with it.
    """
    figure, panels = three_panels(recordings, "held-out texts that pass")
    for rule, ax in panels.items():
        runs = chosen(recordings, pleased=rule)
        before = torch.tensor(reference_rate(runs), dtype=torch.float64)
        rates = torch.linspace(before.item(), 1, 200, dtype=torch.float64)
        ax.plot(least_kl(rates, before.expand_as(rates)), rates, color=REFERENCE, linewidth=2, zorder=1)
        for method in VERIFIED_METHODS:
            for run in chosen(runs, method=method):
                hollow = {"markerfacecolor": "white"} if run.changes["kl_coef"] else {}
                style = {"color": COLOURS[method], "marker": MARKERS[method], "markersize": 8}
                ax.plot(run.after["kl"], run.after["score"], linestyle="none", **style | hollow)
        for method in VERIFIED_METHODS:
            ax.plot([], [], MARKERS[method], color=COLOURS[method], label=method)
        ax.set_xlim(left=-1)
        ax.set_xlabel("KL (nats per response)")
    panels[next(iter(panels))].legend(fontsize=10, loc="lower right")
    return figure


def say_price(recordings: Sequence[Recording]) -> str:
    """Say how far the runs of `price_figure` without a penalty went, and how far would have done, in one sentence."""
    parts = []
    for rule in rules_of(recordings):
        runs = [
            run
            for run in chosen(recordings, pleased=rule, kl_coef=WITHOUT)
            if run.changes["method"] in VERIFIED_METHODS
        ]
        far, least = np.mean([run.after["kl"] for run in runs]), least_nats(runs).mean()
        parts.append(f"{rule} {far:.0f} nats where {least:.1f} would do")
    return f"KL at the end without a penalty, a mean over methods and seeds: {', '.join(parts)}."
