"""The optimum of the KL-penalised objective: worked by hand, at its limits, and above every other policy."""

import math

import numpy as np
import pytest
import torch

from course_lib.equations.optimum import estimated_frontier, optimal_policy, penalised_reward


def test_two_texts_by_hand():
    # 1/2 * e^0 against 1/2 * e^(log 3 / 1): 1 to 3; at kl_coef 0.5 the square of it, 1 to 9
    half, rewards = torch.tensor([0.5, 0.5]), torch.tensor([0.0, math.log(3)])
    torch.testing.assert_close(optimal_policy(half, rewards, kl_coef=1), torch.tensor([0.25, 0.75]))
    torch.testing.assert_close(optimal_policy(half, rewards, kl_coef=0.5), torch.tensor([0.1, 0.9]))


def test_the_value_by_hand():
    # mean reward 0.75 * 4 = 3; KL = 0.25 log(1/2) + 0.75 log(3/2) = 0.1308
    value = penalised_reward(torch.tensor([0.25, 0.75]), torch.tensor([0.5, 0.5]), torch.tensor([0.0, 4.0]), kl_coef=2)
    assert value.item() == pytest.approx(3 - 2 * 0.1308, abs=1e-4)


def test_a_text_that_is_never_written_adds_nothing():
    ref, rewards = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.0, 0.0, 100.0])
    assert optimal_policy(ref, rewards, kl_coef=1).tolist() == [0.5, 0.5, 0.0]
    assert penalised_reward(ref, ref, rewards, kl_coef=1) == 0


def test_no_other_policy_is_worth_more():
    generator = torch.Generator().manual_seed(0)
    ref, rewards = torch.rand(20, generator=generator).softmax(-1), torch.randn(20, generator=generator)
    best = optimal_policy(ref, rewards, kl_coef=0.3)
    others = (best.log() + 0.1 * torch.randn(100, 20, generator=generator)).softmax(-1)
    values = penalised_reward(others, ref.expand(100, -1), rewards.expand(100, -1), kl_coef=0.3)
    assert values.max() < penalised_reward(best, ref, rewards, kl_coef=0.3)


@pytest.mark.parametrize("kl_coef", [0, -1.0, math.nan])
def test_a_coefficient_that_is_not_positive_is_refused(kl_coef):
    with pytest.raises(ValueError, match="above 0"):
        optimal_policy(torch.tensor([1.0]), torch.tensor([1.0]), kl_coef=kl_coef)


def test_rewards_and_coefficients_of_any_size_leave_a_distribution():
    ref = torch.tensor([0.5, 0.25, 0.25, 0.0])
    for size in (1e-25, 1.0, 1e25):
        rewards = size * torch.tensor([-1.0, 0.5, 1.0, 2.0])
        assert optimal_policy(ref, rewards, kl_coef=1e-9 * size).tolist() == [0, 0, 1, 0]
        torch.testing.assert_close(optimal_policy(ref, rewards, kl_coef=1e9 * size), ref)


def test_three_samples_by_hand():
    # At kl_coef 1 the weights are 1 : 1 : 2; score = log(2) / 2, KL = 1/2 log(3/4) + 1/2 log(3/2) = 0.0589, 1/w² = 8/3.
    # At 1/2 they are 1 : 1 : 4; score = 2/3 log 2, KL = 1/3 log(1/2) + 2/3 log 2 = 1/3 log 2, 36/18 = 2.
    estimate = estimated_frontier(torch.tensor([0.0, 0.0, math.log(2)]), kl_coefs=[1, 0.5])
    assert estimate.score.tolist() == pytest.approx([0.34657, 0.46210], abs=1e-4)
    assert estimate.kl.tolist() == pytest.approx([0.05889, 0.23105], abs=1e-4)
    assert estimate.effective_samples.tolist() == pytest.approx([8 / 3, 2.0], abs=1e-4)


def test_each_prompt_is_estimated_from_its_own_samples():
    scores = torch.tensor([[0.0, 0.0, math.log(2)], [5.0, 5.0, 5.0]])
    estimate = estimated_frontier(scores, kl_coefs=[1, 0.5])
    assert estimate.score[:, 0].tolist() == pytest.approx([0.34657, 5.0], abs=1e-4)
    assert estimate.kl[1].tolist() == pytest.approx([0.0, 0.0], abs=1e-6)
    assert estimate.effective_samples[1].tolist() == pytest.approx([3.0, 3.0], abs=1e-4)


def test_equal_samples_far_below_the_best_cost_nothing_but_themselves():
    # a weight of 0 times the logarithm of 0 is 0: the one best of four samples has log 4 nats
    estimate = estimated_frontier(torch.tensor([-1e6, -1e6, -1e6, 0.0]), kl_coefs=[0.1])
    assert estimate.score.item() == 0.0
    assert estimate.kl.item() == pytest.approx(math.log(4))
    assert estimate.effective_samples.item() == pytest.approx(1.0)


def test_nats_are_spent_best_with_one_coefficient_for_all_prompts():
    scores = torch.tensor([[0.0, 1.0], [0.0, 4.0]], dtype=torch.float64)  # at the second prompt there is more to gain
    curves = estimated_frontier(scores, kl_coefs=torch.linspace(8, 0.4, 500).tolist())
    best = estimated_frontier(scores, kl_coefs=[2.0])
    for moved in (-0.02, -0.005, 0.005, 0.02):  # nats from one prompt to the other
        bought = [
            np.interp(best.kl[prompt, 0] + change, curves.kl[prompt], curves.score[prompt])
            for prompt, change in ((0, moved), (1, -moved))
        ]
        assert sum(bought) < best.score.sum()


def test_the_slope_of_the_frontier_is_the_coefficient():
    scores = torch.randn(500, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    estimate = estimated_frontier(scores, kl_coefs=[0.505, 0.495])
    assert (estimate.score.diff() / estimate.kl.diff()).item() == pytest.approx(0.5, rel=1e-3)
