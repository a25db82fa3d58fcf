"""The widget of the fixed points: every coefficient, the marks where they belong, a function of one's own."""

import numpy as np
import pytest
import torch

from course_lib.classroom.widgets.fixed_points import fixed_point_demo
from course_lib.training.experiments.fixed_points import FixedPoints
from course_lib.training.experiments.toy_language import ToyTask

E = torch.e


@pytest.fixture
def points():
    """The reference writes every text equally often; half of the texts are better, by 1."""
    task = ToyTask.draw(torch.Generator().manual_seed(0))
    with torch.no_grad():
        task.reference.lm.logits.zero_()
    rewards = torch.arange(64) % 2.0
    worse, better = (rewards == 0) / 32, (rewards == 1) / 32
    optimum = torch.stack([(worse + better * E**gap) / (1 + E**gap) for gap in (2, 1)])
    grpo = torch.stack([0.4 * worse + 0.6 * better, 0.5 * worse + 0.5 * better])
    methods = {"PPO, REINFORCE, RLOO": optimum, "DPO": optimum, "GRPO": grpo}
    return FixedPoints(ToyTask(task.reference, rewards), [0.5, 1.0], optimum, methods)


def test_every_coefficient_moves_the_marks_and_the_words(points):
    demo, seen = fixed_point_demo(points), set()
    for value in (0, 1):
        demo.controls["row"].value = value
        seen.add((demo.png, demo.says))
    assert len(seen) == 2


def test_the_marks_stand_at_kl_and_mean_reward(points):
    demo = fixed_point_demo(points)
    demo.controls["row"].value = 1
    assert np.allclose(demo.pictured.ends["GRPO"].get_data(), [[0], [0.5]], atol=1e-5)
    p = E / (1 + E)
    kl = p * np.log(2 * p) + (1 - p) * np.log(2 * (1 - p))
    assert np.allclose(demo.pictured.optimum.get_data(), [[kl], [p]], atol=1e-5)
    assert demo.says == (
        "At a KL coefficient of 1, π* has a mean reward of +0.73 at a KL of 0.11 nats, GRPO ends at a mean reward of "
        "+0.50 at a KL of 0.00 nats. Total variation from π*: PPO, REINFORCE, RLOO 0.00, DPO 0.00, GRPO 0.23."
    )
    under_the_optimum, under_grpo = demo.pictured.texts["GRPO"].get_data()
    assert np.allclose(under_the_optimum[:2], [(1 - p) / 32, p / 32])
    assert np.allclose(under_grpo, 1 / 64)


def test_an_optimum_of_ones_own_is_held_against_the_methods(points):
    demo = fixed_point_demo(points, lambda ref_probabilities, rewards, *, kl_coef: ref_probabilities)
    assert "PPO, REINFORCE, RLOO 0.23" in demo.says
    assert "with TypeError" in fixed_point_demo(points, lambda ref, rewards: ref).says
