"""What the remedies against over-optimisation gained: gold at its best, and gold at the end."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

import numpy as np

from course_lib.classroom.optimised import PPO, column, distances, fit_gold
from course_lib.classroom.plots.recorded import by_name
from course_lib.classroom.report_words import number
from course_lib.training.recordings import Recording

NO_REMEDY = "no remedy"
SMOOTHING = 3  # steps averaged, so that the best step is not the luckiest
CELL = "text-align: {}; padding: 0.25em 1em 0.25em 0"


@dataclass(frozen=True)
class Gain:
    """What one remedy gained, a number a seed: the best gold on the way and its sqrt(KL), the last gold and its own."""

    name: str
    best: np.ndarray
    best_at: np.ndarray
    end: np.ndarray
    end_at: np.ndarray

    @property
    def cells(self) -> list[str]:
        """The figures as the table has them: the mean over seeds, the lowest and the highest."""
        figures = [with_range(self.best), number(self.best_at.mean(), "{:.1f}")]
        return [self.name, *figures, with_range(self.end), number(self.end_at.mean(), "{:.1f}")]


class Gains:
    """The remedies as a table, one row a remedy."""

    NAMES = ("", "gold at its best (sd)", "at √KL", "gold at the end (sd)", "at √KL")

    def __init__(self, recordings: Sequence[Recording]):
        groups = by_name(recordings)
        early = {"early stop": stopped_early(groups[NO_REMEDY])}
        order = [NO_REMEDY, "early stop", *(name for name in groups if name != NO_REMEDY)]
        self.gains = {name: gain(name, (groups | early)[name]) for name in order}

    def _repr_html_(self) -> str:
        rows = "".join(row(gain.cells, "td") for gain in self.gains.values())
        return f"<table>\n<thead>{row(self.NAMES, 'th')}</thead>\n<tbody>\n{rows}</tbody>\n</table>"

    def __repr__(self) -> str:
        """The same as lines of text."""
        return "\n".join(" | ".join(gain.cells) for gain in self.gains.values())


def gain(name: str, runs: Sequence[Recording]) -> Gain:
    """Measure the runs of one remedy; both golds are means of three steps, the best one of those on the way."""
    kernel = np.ones(SMOOTHING) / SMOOTHING
    gold, d = (
        [np.convolve(read(run), kernel, "valid") for run in runs]
        for read in (lambda run: column(run, "gold"), distances)
    )
    best = [int(values.argmax()) for values in gold]
    return Gain(
        name,
        np.array([values[place] for values, place in zip(gold, best, strict=True)]),
        np.array([values[place] for values, place in zip(d, best, strict=True)]),
        np.array([values[-1] for values in gold]),
        np.array([values[-1] for values in d]),
    )


def stopped_early(runs: Sequence[Recording]) -> list[Recording]:
    """Cut each run where its KL reaches a target: that of the peak of the form fitted to the other seeds' gold."""
    return [cut(run, fit_gold([other for other in runs if other is not run], PPO, start=0.0).peak) for run in runs]


def cut(run: Recording, distance: float) -> Recording:
    """Keep the steps of a run up to the first one at this distance, and three steps at least."""
    beyond = np.flatnonzero(distances(run) >= distance)
    steps = max(int(beyond[0]) + 1 if len(beyond) else len(run.metrics["kl"]), SMOOTHING)
    return replace(run, metrics={name: values[:steps] for name, values in run.metrics.items()})


def with_range(values: np.ndarray) -> str:
    """The mean over seeds, with the lowest and the highest."""
    return f"{number(values.mean())} ({number(values.min())} to {number(values.max())})"


def row(cells: Sequence[str], kind: str) -> str:
    """One row of the table."""
    styled = (CELL.format("left" if place == 0 else "right") for place in range(len(cells)))
    inside = "".join(
        f'<{kind} style="{style}">{escape(text)}</{kind}>' for style, text in zip(styled, cells, strict=True)
    )
    return f"<tr>{inside}</tr>\n"
