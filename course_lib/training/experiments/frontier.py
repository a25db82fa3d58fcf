"""The most score that a nat of KL can buy, estimated from many samples of the shipped GPT-2 before training."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from course_lib.training.experiments.recordings import Recording, load_recording, unreadable
from course_lib.training.files.paths import RUNS

FRONTIER = "frontier"
LEAST_EFFECTIVE = 32  # samples that the weights must be worth, but for the worst tenth of the prompts

Points = Float[np.ndarray, " points"]


@dataclass(frozen=True)
class Frontier:
    """The optima of falling KL coefficients, means over prompts; the first point is the reference.

    `error` is the standard error, over prompts, of the score that a given KL buys.
    """

    kl: Points
    score: Points
    error: Points

    def score_at(self, kl: float) -> float | None:
        """The most score that so many nats can buy; None beyond the last point."""
        return float(np.interp(kl, self.kl, self.score)) if kl <= self.kl[-1] else None

    def nats_for(self, score: float) -> float | None:
        """The fewest nats that buy a score, none where the reference has it; None above the last point."""
        return float(np.interp(score, self.score, self.kl)) if score <= self.score[-1] else None


def load_frontier(*, folder: Path = RUNS) -> Frontier:
    """Read the experiment `frontier`, as far as the samples carry it. CourseError as in `load_recording`."""
    recordings = load_recording(FRONTIER, folder=folder)
    try:
        return mean_frontier(recordings)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise unreadable(folder / f"{FRONTIER}.json", error) from error


def mean_frontier(prompts: Sequence[Recording]) -> Frontier:
    """Average the estimates for single prompts, as long as nine prompts in ten have samples enough.

    Near a point the frontier is a line, score = height + kl_coef * KL, so the error of the score at a given KL is that
    of the height, score - kl_coef * KL.
    """
    names = ("kl_coef", "score", "kl", "effective_samples")
    kl_coef, score, kl, effective = (np.array([run.metrics[name] for run in prompts], dtype=float) for name in names)
    carried = np.quantile(effective, 0.1, axis=0) >= LEAST_EFFECTIVE
    points = len(carried) if carried.all() else carried.argmin()
    before = np.array([[run.before["score"]] for run in prompts])
    kl, score, height = (
        np.hstack([start, values[:, :points]])
        for start, values in ((0 * before, kl), (before, score), (before, score - kl_coef * kl))
    )
    error = height.std(axis=0, ddof=1) / len(prompts) ** 0.5
    return Frontier(kl.mean(axis=0), score.mean(axis=0), error)
