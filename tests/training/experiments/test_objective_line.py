import copy

import numpy as np
import pytest
import torch
from shared.tiny_models import tiny_policy

from course_lib.training.experiments.objective_line import objective_line
from course_lib.training.ppo import PPO, train
from course_lib.training.settings import PPOSettings

SETTINGS = PPOSettings(
    iterations=1, batch_size=16, response_len=6, epochs=2, learning_rate=3e-3, temperature=1.0, max_grad_norm=0.0
)


@pytest.fixture
def update(tiny_lm):
    """A policy after one update, its parameters before it, and the batch."""
    generator = torch.Generator().manual_seed(0)
    policy, reference = tiny_policy(tiny_lm), tiny_policy(copy.deepcopy(tiny_lm))
    prompts = torch.randint(3, 24, (16, 3), generator=generator)
    gathered = []

    class Kept(PPO):
        def gather(self, *arguments, **options):
            gathered.append(super().gather(*arguments, **options))
            return gathered[-1]

    old_parameters = copy.deepcopy(policy.state_dict())
    list(train(policy, reference, prompts, lambda rollout: torch.randn(16), settings=SETTINGS, method=Kept()))
    return policy, old_parameters, *gathered


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
