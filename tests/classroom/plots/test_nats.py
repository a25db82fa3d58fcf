"""The picture of where the nats go: each run's end, the mean of its name, and what it paid too much."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from course_lib.classroom.plots.nats import draw_nats, draw_speed
from course_lib.classroom.style import NEGATIVE, POLICY, styled
from course_lib.training.experiments.frontier import Frontier
from course_lib.training.experiments.recordings import Recording

FRONTIER = Frontier(np.array([0.0, 1.0, 3.0]), np.array([0.0, 1.0, 2.0]), np.zeros(3))


def run(name: str, seed: int, kl: float, score: float) -> Recording:
    metrics = {"step": [1, 2, 3, 4], "score": [0.0, score, score, score], "explained_variance": [0.0]}
    return Recording(name, seed, {}, metrics, {}, {"score": score, "kl": kl}, [])


RUNS = [run("default", 0, 4.0, 1.4), run("default", 1, 5.0, 1.6), run("lam 0.95", 0, 9.0, 2.5)]


@pytest.fixture
def ax():
    with styled():
        yield Figure().subplots()


def test_every_run_has_a_point_and_every_name_a_large_one_with_its_name(ax):
    draw_nats(ax, RUNS, FRONTIER, coefficients=[run("far", 0, 8.0, 2.0), run("near", 0, 1.0, 0.5)])
    lines = [line.get_xydata().tolist() for line in ax.lines]
    assert [[4.0, 1.4], [5.0, 1.6]] in lines
    large = {tuple(line.get_xydata()[0]): line.get_color() for line in ax.lines if line.get_markersize() == 10}
    assert large == {(4.5, 1.5): POLICY, (9.0, 2.5): NEGATIVE}
    assert {text.get_text().strip() for text in ax.texts} >= {"default", "λ = 0.95"}
    assert [[1.0, 0.5], [8.0, 2.0]] in lines, "the default at other coefficients"
    (dashed,) = [line for line in ax.lines if line.get_linestyle() == "--"]
    assert np.allclose(dashed.get_xydata(), [[3.0, 2.0], [3.4, 2.2]]), "on from the frontier's end, as steep as there"


def test_the_score_by_step_is_the_mean_of_the_seeds(ax):
    draw_speed(ax, RUNS, names=["default", "lam 0.95"])
    default, other = ax.lines
    assert np.allclose(default.get_xydata(), [[1, 0.75], [2, 1.0], [3, 1.5], [4, 1.5]])  # running means of three
    assert (default.get_color(), other.get_color()) == (POLICY, NEGATIVE)
    assert [text.get_text().strip() for text in ax.texts] == ["default", "lam 0.95"]
