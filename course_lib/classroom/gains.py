"""What the remedies against over-optimisation gained: gold at its best, and gold at the end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from jaxtyping import Float

from course_lib.classroom.html import render
from course_lib.classroom.words import number
from course_lib.training.experiments.overoptimization import column, distances, over_distance
from course_lib.training.experiments.recordings import Recording, by_name
from course_lib.training.experiments.remedies import NO_REMEDY

SMOOTHING = 3  # steps averaged, so that the best step is not the luckiest
READ = {"distance": distances} | {name: partial(column, metric=name) for name in ("gold", "judge", "distinct_2")}
BySeed = Mapping[str, Float[np.ndarray, " seeds"]]


@dataclass(frozen=True)
class Gain:
    """What one remedy gained: figures at the step where gold is best, and those at the end; means of three steps."""

    name: str
    seeds: list[int]
    best: BySeed
    end: BySeed

    def cells(self, usual: "Gain") -> list[str]:
        """The figures as the table has them, means over seeds; gold also against the same seeds without a remedy."""
        figures = []
        for mine, theirs in ((self.best, usual.best), (self.end, usual.end)):
            gained = mine["gold"] - theirs["gold"][[usual.seeds.index(seed) for seed in self.seeds]]
            distance = number(mine["distance"].mean(), "{:.1f}")
            figures += [number(mine["gold"].mean()), "" if self is usual else with_range(gained), distance]
        others = number(self.end["judge"].mean()), number(self.end["distinct_2"].mean(), "{:.0%}")
        return [self.name, *figures, *others]


class Gains:
    """The remedies as a table, one row a remedy; what was gained is against the same seed without one."""

    NAMES = ("", "best gold", "gained", "at √KL", "last gold", "gained", "at √KL", "judge", "distinct pairs")

    def __init__(self, recordings: Sequence[Recording]):
        groups = by_name(recordings)
        early = {"early stop": stopped_early(groups[NO_REMEDY])}
        order = [NO_REMEDY, "early stop", *(name for name in groups if name != NO_REMEDY)]
        self.gains = {name: gain(name, (groups | early)[name]) for name in order}
        self.rows = [gain.cells(self.gains[NO_REMEDY]) for gain in self.gains.values()]

    def _repr_html_(self) -> str:
        return render("gains", {"names": self.NAMES, "rows": self.rows})

    def __repr__(self) -> str:
        """The same as lines of text."""
        return "\n".join(" | ".join(cells) for cells in self.rows)


def gain(name: str, runs: Sequence[Recording]) -> Gain:
    """Measure the runs of one remedy."""
    kernel = np.ones(SMOOTHING) / SMOOTHING
    curves = {metric: [np.convolve(read(run), kernel, "valid") for run in runs] for metric, read in READ.items()}
    best = [int(gold.argmax()) for gold in curves["gold"]]

    def at(steps: Sequence[int]) -> BySeed:
        return {
            metric: np.array([values[step] for values, step in zip(seeds, steps, strict=True)])
            for metric, seeds in curves.items()
        }

    return Gain(name, [run.seed for run in runs], best=at(best), end=at([-1] * len(runs)))


def stopped_early(runs: Sequence[Recording]) -> list[Recording]:
    """Cut each run where its KL reaches a target: that at which the mean gold of the other seeds is highest."""
    stopped = []
    for run in runs:
        grid, gold = over_distance([other for other in runs if other is not run], "gold")
        stopped.append(cut(run, float(grid[gold.mean(axis=0).argmax()])))
    return stopped


def cut(run: Recording, distance: float) -> Recording:
    """Keep the steps of a run up to the first one at this distance, and three steps at least."""
    beyond = np.flatnonzero(distances(run) >= distance)
    steps = max(int(beyond[0]) + 1 if len(beyond) else len(run.metrics["kl"]), SMOOTHING)
    return replace(run, metrics={name: values[:steps] for name, values in run.metrics.items()})


def with_range(values: Float[np.ndarray, " seeds"]) -> str:
    """The mean over seeds, with the lowest and the highest."""
    return f"{number(values.mean())} ({number(values.min())} to {number(values.max())})"
