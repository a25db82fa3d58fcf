"""The frontier in pictures: drawn as it was estimated, and named above everything else."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from course_lib.classroom.plots.frontier import WORDS, draw_frontier_line, draw_run_against_kl
from course_lib.classroom.style import styled
from course_lib.training.experiments.frontier import Frontier

FRONTIER = Frontier(np.array([0.0, 1.0, 3.0]), np.array([0.0, 1.0, 1.5]), np.array([0.1, 0.1, 0.2]))


@pytest.fixture
def ax():
    with styled():
        yield Figure(figsize=(4.6, 3.5)).subplots()


def boxes(ax):
    """Where the frontier's name, without its leader, and the axes are, in pixels."""
    ax.figure.draw_without_rendering()
    (name,) = [text for text in ax.texts if text.get_text() == WORDS]
    return Text.get_window_extent(name), ax.get_window_extent()


def test_line_band_and_end_are_those_of_the_estimate(ax):
    draw_frontier_line(ax, FRONTIER)
    line, end = ax.lines
    assert line.get_xydata().tolist() == [[0, 0], [1, 1], [3, 1.5]]
    assert end.get_xydata().tolist() == [[3, 1.5]]
    band = ax.collections[0].get_paths()[0].vertices
    assert {round(float(y), 3) for x, y in band if x == 3} == {1.1, 1.9}


@pytest.mark.parametrize("furthest", [3.0, 5.0, 40.0])
def test_its_name_stands_inside_and_above_all_that_is_drawn(ax, furthest):
    ax.plot([0, furthest], [0, 2.5], "o")
    draw_frontier_line(ax, FRONTIER)
    name, inside = boxes(ax)
    assert inside.x0 <= name.x0 < name.x1 <= inside.x1
    assert name.y0 > ax.transData.transform((0, 2.5))[1]


def test_a_run_is_a_point_a_step_and_where_it_ended(ax):
    records = [{"step": 1, "kl": 0.0, "score": 0.1}, {"step": 2, "kl": 2.0, "score": 0.8}]
    draw_run_against_kl(ax, records, FRONTIER, end=(2.5, 0.9))
    assert [[0.0, 0.1], [2.0, 0.8]] in [line.get_xydata().tolist() for line in ax.lines]
    assert [[2.5, 0.9]] in [line.get_xydata().tolist() for line in ax.lines]
