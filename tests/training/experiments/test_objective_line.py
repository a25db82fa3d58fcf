import copy

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from course_lib.classroom.plots.objective_line import draw_objective_line, objective_line_figure, say_objective_line
from course_lib.training.experience import gather_experience
from course_lib.training.experiments.objective_line import ObjectiveLine, objective_line
from course_lib.training.policy import Policy
from course_lib.training.ppo import train_on
from course_lib.training.rollout import sample
from course_lib.training.settings import PPOSettings

SETTINGS = PPOSettings(epochs=2, learning_rate=3e-3, temperature=1.0)


@pytest.fixture
def update(tiny_lm):
    """A policy after one update, its parameters before it, and the batch."""
    generator = torch.Generator().manual_seed(0)
    policy, reference = Policy(tiny_lm), Policy(copy.deepcopy(tiny_lm))
    prompts = torch.randint(3, 24, (16, 3), generator=generator)
    options = {"response_len": 6, "eos_id": 1, "pad_id": 2, "temperature": 1.0, "generator": generator}
    rollout = sample(policy.lm, prompts, **options)
    scores = torch.randn(16, generator=generator)
    batch = gather_experience(policy, reference, rollout, scores, kl_coef=0.05, settings=SETTINGS)
    old_parameters = copy.deepcopy(policy.state_dict())
    optimizer = torch.optim.Adam(policy.parameters(), lr=SETTINGS.learning_rate)
    train_on(policy, optimizer, batch, settings=SETTINGS, generator=generator)
    return policy, old_parameters, batch


def test_at_the_old_parameters_nothing_is_promised(update):
    line = objective_line(*update, settings=SETTINGS, places=(0.0,))
    # whitened advantages have mean 0, every ratio is 1
    for values in (line.unclipped, line.clipped, line.lower_bound, line.kl):
        assert values == pytest.approx([0], abs=1e-5)


def test_the_line_goes_through_the_new_parameters_and_leaves_the_policy_as_it_was(update):
    policy, _, batch = update
    before = copy.deepcopy(policy.state_dict())
    line = objective_line(*update, settings=SETTINGS, places=(0.0, 0.5, 1.0, 2.0))
    with torch.no_grad():
        logprobs = policy(batch.token_ids, batch.response_mask).logprobs
    log_ratio = (logprobs - batch.old_logprobs)[batch.response_mask]
    assert line.kl[2] == pytest.approx((log_ratio.expm1() - log_ratio).mean().item(), rel=1e-4)
    assert (np.diff(line.kl) > 0).all()
    assert line.unclipped[2] > 0
    assert (line.lower_bound <= line.unclipped + 1e-6).all()
    assert (line.lower_bound <= line.clipped + 1e-6).all()
    assert all(torch.equal(before[name], tensor) for name, tensor in policy.state_dict().items())


def test_the_picture_and_its_words():
    t = np.array([0.0, 1.0, 2.0])
    line = ObjectiveLine(t, np.array([0, 0.5, 1.2]), np.array([0, 0.1, 0.1]), np.array([0, 0.1, -0.3]), t / 4)
    assert "ratio × A +0.5, PPO’s objective +0.1" in say_objective_line(line, line)
    assert "at t = 2 +1.2 and −0.3" in say_objective_line(line, line)
    ax, kl_ax = Figure().subplots(2)
    draw_objective_line(ax, kl_ax, line)
    assert kl_ax.lines[0].get_ydata().tolist() == [0, 0.25, 0.5]
    assert len(objective_line_figure(line, line).axes) == 4
