"""Recorded optimisation against proxies as curves over the distance d = sqrt(KL), with fits of Gao et al. 2022."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from course_lib.equations.overoptimization import (
    best_of_n_form,
    best_of_n_peak,
    fit_best_of_n_form,
    fit_rl_form,
    rl_form,
    rl_peak,
)
from course_lib.training.experiments.recordings import Recording
from course_lib.training.files.errors import CourseError

BEST_OF_N, PPO = "best-of-n", "ppo"
FORMS = {BEST_OF_N: (best_of_n_form, best_of_n_peak, fit_best_of_n_form), PPO: (rl_form, rl_peak, fit_rl_form)}
GRID = 60

Numbers = Float[np.ndarray, " numbers"]


@dataclass(frozen=True)
class Fit:
    """A form fitted to the gold reward of some runs: what it is at distance 0, its peak, by how much it misses.

    `peaks` are those of the single seeds, in the order of the runs; `error` is the root mean square over all points.
    """

    method: str
    start: float
    alpha: float
    beta: float
    peaks: list[float]
    error: float

    @property
    def peak(self) -> float:
        """The distance at which the fitted gold reward is highest; infinite where it only rises."""
        return FORMS[self.method][1](self.alpha, self.beta)

    def gold(self, d: Numbers) -> Numbers:
        """The fitted gold reward at some distances."""
        form = FORMS[self.method][0](torch.tensor(d**2, dtype=torch.float64), alpha=self.alpha, beta=self.beta)
        return self.start + form.numpy()


def by_pairs(recordings: Sequence[Recording], method: str) -> dict[int, list[Recording]]:
    """Group the runs of one method by the pairs of their proxy, few to many. CourseError where there is none."""
    runs = [run for run in recordings if run.changes.get("method") == method]
    if not runs:
        raise CourseError(f"Expected recorded runs of the method {method!r}, but there is none; record them again.")
    counts = sorted({run.changes["pairs"] for run in runs})
    return {count: [run for run in runs if run.changes["pairs"] == count] for count in counts}


def distances(run: Recording) -> Numbers:
    """The square root of the KL at each point of a run; an estimate below 0 counts as 0."""
    return np.sqrt(np.clip(np.array(run.metrics["kl"], dtype=float), 0, None))


def column(run: Recording, metric: str) -> Numbers:
    """One metric of a run."""
    return np.array(run.metrics[metric], dtype=float)


def fit_gold(runs: Sequence[Recording], method: str, *, start: float) -> Fit:
    """Fit the method's form to the gold reward of runs that differ in nothing but their seed, counted from `start`."""
    _, peak, fit = FORMS[method]

    def fitted(some: Sequence[Recording]) -> tuple[float, float]:
        d, gold = (np.concatenate([read(run) for run in some]) for read in (distances, lambda run: column(run, "gold")))
        return fit(torch.tensor(d**2), torch.tensor(gold - start))

    alpha, beta = fitted(runs)
    whole = Fit(method, start, alpha, beta, [peak(*fitted([run])) for run in runs], 0.0)
    misses = np.concatenate([whole.gold(distances(run)) - column(run, "gold") for run in runs])
    return Fit(method, start, alpha, beta, whole.peaks, float(np.sqrt(np.mean(misses**2))))


def gold_at_start(recordings: Sequence[Recording], method: str) -> float:
    """The mean gold reward before anything was optimised, over all runs of a method."""
    groups = by_pairs(recordings, method).values()
    return float(np.mean([run.metrics["gold"][0] for runs in groups for run in runs]))


def reach(runs: Sequence[Recording]) -> float:
    """The largest distance to which all of these runs came."""
    return float(min(distances(run).max() for run in runs))


def over_distance(runs: Sequence[Recording], metric: str) -> tuple[Numbers, Float[np.ndarray, "seeds grid"]]:
    """Read each seed's metric at the same distances, from 0 to where the shortest ends; between points on a line."""
    ordered = [(distances(run), column(run, metric)) for run in runs]
    grid = np.linspace(0, reach(runs), GRID)
    return grid, np.array([np.interp(grid, np.sort(d), values[np.argsort(d)]) for d, values in ordered])


def at_sample(run: Recording, metric: str, sample: dict) -> float:
    """A metric at the point of a run where a text was kept: at its n, or before its step; after the last, the end."""
    if "n" in sample:
        return float(run.metrics[metric][run.metrics["n"].index(sample["n"])])
    return float(run.metrics[metric][min(sample["step"], len(run.metrics[metric])) - 1])
