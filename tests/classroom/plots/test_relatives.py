"""The pictures of the lab on PPO's relatives say what was measured."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from course_lib.classroom.plots.implicit_rewards import draw_gap_by_steps, draw_implicit_rewards
from course_lib.classroom.plots.kl_estimators import draw_estimators
from course_lib.classroom.plots.relatives import draw_score_against_kl, draw_score_by_seconds, smooth
from course_lib.classroom.style import styled
from course_lib.training.experiments.recordings import Recording


@pytest.fixture
def axes():
    with styled():
        yield Figure(figsize=(8, 4)).subplots(1, 2)


def recording(name: str, seed: int, score: float) -> Recording:
    """A run of three steps that ends at a score, at a KL of ten times that."""
    metrics = {"seconds": [10, 20, 30], "score": [0.0, 0.0, score], "kl": [0.0, 1.0, 10 * score]}
    before, after = {"score": -1.0, "kl": 0.0}, {"score": score, "kl": 10 * score}
    return Recording(name, seed, {"method": name}, metrics, before, after, [])


RUNS = [recording("PPO", 0, 1.0), recording("PPO", 1, 2.0), recording("best of n", 0, 0.5)]


def line(ax, name):
    return next(line for line in ax.lines if line.get_label() == name)


def test_every_run_has_a_mark_where_it_ended_and_best_of_n_one_for_every_n(axes):
    draw_score_against_kl(axes[0], RUNS)
    assert np.array_equal(line(axes[0], "PPO").get_xydata(), [[10, 1], [20, 2]])
    assert np.array_equal(line(axes[0], "best of n").get_xydata(), [[0, 0], [1, 0], [5, 0.5]])
    assert axes[0].lines[0].get_xydata().tolist() == [[0, -1]]


def test_the_curve_is_the_mean_of_the_seeds_and_the_band_their_range(axes):
    draw_score_by_seconds(axes[0], RUNS)
    assert line(axes[0], "PPO").get_xdata().tolist() == [10, 20, 30]
    assert "best of n" not in [line.get_label() for line in axes[0].lines]
    # the running means of the two seeds are 0, 1/3, 1/2 and 0, 2/3, 1
    assert np.allclose(line(axes[0], "PPO").get_ydata(), [0, 0.5, 0.75])
    band = axes[0].collections[0].get_paths()[0].vertices
    assert {round(float(y), 3) for _, y in band} == {0.0, 0.333, 0.667, 0.5, 1.0}


def test_a_running_mean_looks_at_neighbours():
    assert smooth(np.array([0.0, 3.0, 6.0, 0.0])).tolist() == [1.5, 3.0, 3.0, 3.0]


def test_a_prompts_texts_lie_on_its_line(axes):
    rewards = np.array([-1.0, 0.0, 2.0])
    heights = draw_implicit_rewards(axes[0], [(rewards, rewards + 0.5), (rewards, rewards - 2.0)])
    assert np.allclose(heights, [0.5, -2.0])
    words = [text.get_text() for text in axes[0].get_legend().get_texts()]
    assert words == ["prompt 1: reward +0.50", "prompt 2: reward −2.00"]


def test_a_line_for_each_kind_of_label(axes):
    draw_gap_by_steps(axes[0], {"by chance": {10: 4.0, 100: 5.0}, "hard": {10: 4.0, 100: 50.0}})
    assert [line.get_ydata()[-1] for line in axes[0].lines] == [5.0, 50.0]
    assert [text.get_text() for text in axes[0].texts] == ["by chance", "hard"]


def test_both_errors_of_each_estimator_stand_over_the_kl(axes):
    measured = [(0.1, {"k1": (0.0, 9.0), "k2": (0.1, 2.0), "k3": (0.0, 2.0)})]
    measured += [(1.0, {"k1": (0.0, 1.5), "k2": (0.5, 3.0), "k3": (0.0, 50.0)})]
    draw_estimators(*axes, measured, policy_kl=0.1)
    assert np.array_equal(line(axes[0], "k2").get_xydata(), [[0.1, 0.1], [1.0, 0.5]])
    assert np.array_equal(line(axes[1], "k3").get_xydata(), [[0.1, 2.0], [1.0, 50.0]])
