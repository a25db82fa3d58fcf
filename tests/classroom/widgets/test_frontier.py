"""The frontier: every KL coefficient, its figures and its texts."""

import numpy as np
import pytest

from course_lib.classroom.plots.frontier import WORDS
from course_lib.classroom.widgets.frontier import frontier_demo
from course_lib.training.experiments.frontier import Frontier
from course_lib.training.experiments.recordings import load_recording


@pytest.fixture(scope="module")
def demo():
    frontier = Frontier(np.array([0.0, 1.0, 2.5]), np.array([0.0, 1.0, 1.5]), np.full(3, 0.05))
    return frontier_demo(load_recording("kl_coef"), frontier=frontier)


def test_every_coefficient_moves_the_rings_and_the_texts(demo):
    slider, seen = demo.controls["kl_coef"], set()
    coefficients = [value for _, value in slider.options]
    assert coefficients == sorted(coefficients)
    assert {0, 0.05, 0.5} <= set(coefficients)
    for value in coefficients:
        slider.value = value
        assert f"At a KL coefficient of {value:g} training ended" in demo.says
        seen.add((demo.png, demo.texts.value, demo.says))
        assert demo.texts.value.count("<tr>") == 1 + len(demo.runs[value].samples)
    assert len(seen) == len(coefficients)


def test_a_longer_leash_ends_further_away_with_a_higher_score_and_less_variety(demo):
    ends = {}
    for value in (0, 0.05, 0.5):
        demo.controls["kl_coef"].value = value
        ends[value] = [ring.get_data() for ring in demo.rings]
    for axis, falls in ((0, False), (2, True)):
        kl = [ends[value][axis][0][0] for value in (0.5, 0.05, 0)]
        heights = [ends[value][axis][1][0] for value in (0.5, 0.05, 0)]
        assert kl == sorted(kl)
        assert heights == sorted(heights, reverse=falls)


def test_the_frontier_stands_over_the_score_alone(demo):
    named = [[text.get_text() for text in ring.axes.texts].count(WORDS) for ring in demo.rings]
    assert named == [1, 0, 0]
    assert [[0, 0], [1, 1], [2.5, 1.5]] in [line.get_xydata().tolist() for line in demo.rings[0].axes.lines]
