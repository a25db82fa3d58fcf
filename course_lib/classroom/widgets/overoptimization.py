"""One method of optimisation against proxies of all sizes: what the proxy, gold and the judge say on the way."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from course_lib.classroom.canvas import Canvas
from course_lib.classroom.controls import choice
from course_lib.classroom.demo import Demo
from course_lib.classroom.plots.overoptimization import FORESIGHT, draw_metrics, drawn_to, frame_metrics
from course_lib.classroom.style import styled
from course_lib.classroom.words import number
from course_lib.training.experiments.overoptimization import (
    Fit,
    by_pairs,
    fit_gold,
    gold_at_start,
    over_distance,
    reach,
)
from course_lib.training.experiments.recordings import Recording


class Overoptimization(Demo):
    """Choose the pairs that the proxy learned from: its reward, gold and the judge over the distance."""

    def __init__(self, recordings: Sequence[Recording], *, method: str, pairs: int | None = None):
        self.runs = by_pairs(recordings, method)
        start = gold_at_start(recordings, method)
        self.fits = {pairs: fit_gold(runs, method, start=start) for pairs, runs in self.runs.items()}
        with styled():
            figure = Figure(figsize=(10, 4.4))
            axes = list(figure.subplots(1, 2, width_ratios=[2.4, 1]))
            furthest = max(drawn_to(self.fits[pairs], end=reach(runs)) for pairs, runs in self.runs.items())
            frame_metrics(axes, [run for runs in self.runs.values() for run in runs], furthest=furthest)
            self.artists = {pairs: draw_metrics(axes, runs, self.fits[pairs]) for pairs, runs in self.runs.items()}
        canvas = Canvas(figure, [artist for artists in self.artists.values() for artist in artists])
        super().__init__(canvas, {"pairs": choice("pairs", {f"{count:,}": count for count in self.runs}, pairs)})

    def show(self, *, pairs: int) -> str:
        """Show the curves against the proxy of so many pairs, and no others."""
        for count, artists in self.artists.items():
            for artist in artists:
                artist.set_visible(count == pairs)
        runs = self.runs[pairs]
        (_, score), (grid, gold) = (over_distance(runs, metric) for metric in ("score", "gold"))
        highest = int(gold.mean(axis=0).argmax())
        of = f"mean of {len(runs)} seeds, band: lowest to highest" if len(runs) > 1 else f"seed {runs[0].seed}"
        return (
            f"Against the proxy of {pairs:,} pairs ({of}), gold is highest at √KL {grid[highest]:.1f}, "
            f"{number(gold.mean(axis=0)[highest])} sd, and ends at {number(gold.mean(axis=0)[-1])}, "
            f"where the proxy says {number(score.mean(axis=0)[-1])}. "
            f"{describe_fit(self.fits[pairs], end=reach(runs))}"
        )


def overoptimization_demo(
    recordings: Sequence[Recording], *, method: str, pairs: int | None = None
) -> Overoptimization:
    """Show the runs of one method, "best-of-n" or "ppo", of the experiment `overoptimization`.

    First against the proxy of so many pairs, by default the fewest.
    """
    return Overoptimization(recordings, method=method, pairs=pairs)


def describe_fit(fit: Fit, *, end: float) -> str:
    """Say where the fitted form has its peak, and how far it lies from the points."""
    peaks = [peak for peak in fit.peaks if np.isfinite(peak)]
    if fit.peak > FORESIGHT * end:
        where = "has no peak within reach"
    elif not 0 < fit.peak <= end:
        where = f"would peak at √KL {fit.peak:.1f}, beyond the runs (hollow triangle),"
    elif len(fit.peaks) == 1:
        where = f"peaks at √KL {fit.peak:.1f}"
    elif len(peaks) < len(fit.peaks):
        where = f"peaks at √KL {fit.peak:.1f} (not for every single seed)"
    else:
        where = f"peaks at √KL {fit.peak:.1f} (single seeds {min(peaks):.1f} to {max(peaks):.1f})"
    return f"The fitted form, dashed, {where} and misses the points by {fit.error:.2f} sd (root mean square)."
