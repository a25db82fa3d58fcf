"""The picture of where the nats go: each run's end, the mean of its name, and what it paid too much."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from course_lib.classroom.plots.nats import draw_nats
from course_lib.classroom.style import NEGATIVE, POLICY, styled
from course_lib.training.experiments.frontier import Frontier
from course_lib.training.experiments.recordings import Recording

FRONTIER = Frontier(np.array([0.0, 1.0, 3.0]), np.array([0.0, 1.0, 2.0]), np.zeros(3))


def run(name: str, seed: int, kl: float, score: float) -> Recording:
    return Recording(name, seed, {}, {"explained_variance": [0.0]}, {}, {"score": score, "kl": kl}, [])


@pytest.fixture
def ax():
    runs = [run("default", 0, 4.0, 1.4), run("default", 1, 5.0, 1.6), run("lam 0.95", 0, 9.0, 2.5)]
    with styled():
        ax = Figure().subplots()
        draw_nats(ax, runs, FRONTIER)
        yield ax


def test_every_run_has_a_point_and_every_name_a_large_one_with_its_name(ax):
    points = [line.get_xydata().tolist() for line in ax.lines]
    assert [[4.0, 1.4], [5.0, 1.6]] in points
    large = {tuple(line.get_xydata()[0]): line.get_color() for line in ax.lines if line.get_markersize() == 10}
    assert large == {(4.5, 1.5): POLICY, (9.0, 2.5): NEGATIVE}
    assert {text.get_text() for text in ax.texts} >= {"default", "λ = 0.95"}


def test_a_line_leads_to_the_frontier_and_beyond_its_end_to_the_dashed_one(ax):
    flat = [line.get_xdata() for line in ax.lines if len(line.get_xdata()) == 2 and np.ptp(line.get_ydata()) == 0]
    assert [[*ends] for ends in flat] == [[2.0, 4.5], [4.0, 9.0]]
    dashed = [line.get_xydata().tolist() for line in ax.lines if line.get_linestyle() == "--"]
    assert dashed == [[[3.0, 2.0], [4.0, 2.5]]]
