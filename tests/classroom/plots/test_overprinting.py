"""Words and numbers of a picture lie neither over each other nor over its edge, whatever it shows."""

from collections.abc import Callable

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from shared.pictures import badly_set, badly_set_in, noting

from course_lib.classroom.live_run import recorded_runs
from course_lib.classroom.own_model import Estimate, Verdict
from course_lib.classroom.plots.before_after import before_after_figure
from course_lib.classroom.plots.best_of_n import toy_kl_figure
from course_lib.classroom.plots.curves import draw_run
from course_lib.classroom.plots.frontier import draw_frontier_line
from course_lib.classroom.plots.nats import draw_nats, draw_speed
from course_lib.classroom.plots.overoptimization import gold_figure, proxies_figure
from course_lib.classroom.plots.own_model import verdict_figure
from course_lib.classroom.plots.panels import panels_named
from course_lib.classroom.plots.pipeline_map import pipeline_map
from course_lib.classroom.plots.ratings import disagreement_figure
from course_lib.classroom.plots.recordings import draw_choices, draw_clip_table
from course_lib.classroom.plots.relatives import draw_score_against_kl
from course_lib.classroom.plots.remedies import remedies_figure
from course_lib.classroom.plots.run_curves import RunCurves
from course_lib.classroom.plots.scorers import scorers_figure
from course_lib.classroom.style import styled
from course_lib.classroom.widgets.cockpit import SHOWN, SIZE
from course_lib.training.experiments.frontier import load_frontier
from course_lib.training.experiments.recordings import load_recording, records_of
from course_lib.training.experiments.scorers import load_scorers
from course_lib.training.ratings import load_ratings

PANELS = panels_named(SHOWN)


def runs_of(name: str) -> list[Figure]:
    """Every other recorded run of an experiment as a report draws it: whole, and after few steps."""
    records = [records_of(recording) for recording in load_recording(name)[::2]]
    return [draw_run(some[:steps], degrades_at=2) for some in records for steps in (3, len(some))]


def before_after() -> list[Figure]:
    return [before_after_figure(records_of(run), PANELS[:3], run.samples) for run in recorded_runs().values()]


def verdicts() -> list[Figure]:
    """Verdicts on a student's choices, from all wrong to all right."""
    shares = (0.0, 0.45, 0.5, 0.55, 0.8, 0.83, 0.86, 1.0)
    estimates = [Estimate(share, max(share - 0.1, 0.0), min(share + 0.1, 1.0)) for share in shares]
    return [verdict_figure(Verdict(20, 10, estimate, estimate, estimate, estimate.value)) for estimate in estimates]


def drawn(draw: Callable, *inputs, size: tuple[float, float], grid: tuple[int, int] = (1, 1)) -> Figure:
    """A figure of so many inches with pictures that are drawn into axes."""
    with styled():
        figure = Figure(figsize=size)
        axes = figure.subplots(*grid, sharex=grid != (1, 1), sharey=grid != (1, 1))
        draw(axes if grid == (1, 1) else axes.flat, *inputs)
    return figure


def score_against_kl(ax: Axes) -> None:
    draw_score_against_kl(ax, load_recording("relatives"))
    draw_frontier_line(ax, load_frontier())


def nats(ax: Axes) -> None:
    draw_nats(ax, load_recording("nats"), load_frontier(), coefficients=load_recording("kl_coef"))


def speed(ax: Axes) -> None:
    draw_speed(ax, load_recording("nats"), names=["default", "values from zero"])


FIGURES = {
    "runs": lambda: runs_of("kl_coef") + runs_of("bugs"),
    "before and after": before_after,
    "verdicts": verdicts,
    "map": lambda: [pipeline_map()],
    "scorers": lambda: [scorers_figure(load_scorers())],
    "disagreement": lambda: [disagreement_figure(load_ratings(split="train"))],
    "best of n": lambda: [toy_kl_figure(lengths=(1, 2, 3, 6))],
    "proxies": lambda: [proxies_figure(load_recording("overoptimization"), load_scorers())],
    "gold": lambda: [gold_figure(load_recording("overoptimization"), method) for method in ("best-of-n", "ppo")],
    "remedies": lambda: [remedies_figure(load_recording("remedies"))],
    "clip": lambda: [drawn(draw_clip_table, load_recording("clip"), size=(8, 4.5))],
    "choices": lambda: [drawn(draw_choices, load_recording("choices"), size=(12, 6), grid=(2, 4))],
    "relatives": lambda: [drawn(score_against_kl, size=(5, 4.8))],
    "nats": lambda: [drawn(nats, size=(5, 4.8)), drawn(speed, size=(5, 4.8))],
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures(name):
    for figure in FIGURES[name]():
        assert badly_set_in(figure) == set()


@pytest.mark.parametrize("kl_coef", [0.0, 0.5])
def test_curves_that_grow(kl_coef):
    """A run in colour over another in grey, as it grows, in the cockpit and among the bugs."""
    records = records_of(recorded_runs()[kl_coef])
    ghost = records_of(recorded_runs()[0.12])
    for size, name in ((SIZE, "grey: a recorded run"), ((10.0, 5.5), "")):
        curves = RunCurves(PANELS, steps=20, ghosts=[ghost], ghost_name=name, size=size)
        for steps in (1, 2, 5, 10, 19, 20):
            curves.png(records[:steps], moved_at=[2])
            with noting() as words:
                curves.canvas.redraw()
                curves.canvas.png()
            assert badly_set(words, curves.figure) == set(), steps
