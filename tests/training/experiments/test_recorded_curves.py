"""The runs of the experiment `curves`: what each does, and which recorded runs stand beside each other."""

import torch
from shared.tiny_models import EOS, PAD, make_tiny_lm, tiny_policy

from course_lib.training.experiments.recorded_curves import EosMasked, guess_at_random, three_seeds
from course_lib.training.ppo import PPO
from course_lib.training.rollout import Rollout
from course_lib.training.settings import PPOSettings


def test_a_masked_eos_is_no_token_and_the_score_is_paid_before_it():
    response_ids = torch.tensor([[5, 6, EOS, PAD], [8, 9, 5, 7], [EOS, PAD, PAD, PAD]])
    rollout = Rollout(torch.tensor([[0, 3, 4]] * 3), response_ids, response_ids != PAD, torch.ones(3, dtype=torch.bool))
    policy, scores = tiny_policy(make_tiny_lm(seed=0)), torch.tensor([1.0, 2.0, 3.0])
    right, wrong = (
        method.gather(policy, policy, rollout, scores, kl_coef=0.1, settings=PPOSettings())
        for method in (PPO(), EosMasked())
    )
    assert right.response_mask.int().tolist() == [[1, 1, 1, 0], [1, 1, 1, 1], [1, 0, 0, 0]]
    assert wrong.response_mask.int().tolist() == [[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]]
    assert right.rewards[0].tolist() == [0, 0, 1, 0]
    assert wrong.rewards[0].tolist() == [0, 1, 0, 0]
    assert rollout.response_mask[0].sum() == 3, "the rollout stays as it was"


def test_a_head_at_random_has_weights_and_leaves_other_draws_alone():
    policy = tiny_policy(make_tiny_lm(seed=0))
    assert not policy.value_head.weight.any()
    before = torch.get_rng_state()
    guess_at_random(policy)
    assert policy.value_head.weight.all()
    assert torch.equal(torch.get_rng_state(), before)


def test_compared_runs_have_the_seeds_0_1_and_2():
    curves = three_seeds()
    for name in ("default", "values from zero", "values at random", "one step a batch", "eos masked"):
        assert [run.seed for run in curves[name]] == [0, 1, 2], name
