import math

import pytest
import torch

from course_lib.equations.preferences import (
    bradley_terry_loss,
    dpo_loss,
    gain_and_bias,
    pair_accuracy,
    preference_probability,
)

LOG_3 = 1.098612


def test_preference_probability_depends_on_the_difference():
    chosen, rejected = torch.tensor([LOG_3, 7 + LOG_3, 0.0, 0.0]), torch.tensor([0.0, 7.0, 0.0, LOG_3])
    # Odds of 3 to 1, the same 7 higher, even odds, 1 to 3.
    torch.testing.assert_close(preference_probability(chosen, rejected), torch.tensor([0.75, 0.75, 0.5, 0.25]))


def test_equal_rewards_lose_log_2():
    rewards = torch.tensor([3.0, -1.0])
    assert bradley_terry_loss(rewards, rewards).item() == pytest.approx(0.693147, abs=1e-6)


def test_bradley_terry_loss_is_a_mean_over_pairs():
    chosen, rejected = torch.tensor([LOG_3, 0.0]), torch.tensor([0.0, LOG_3])
    # -log 0.75 = 0.287682 and -log 0.25 = 1.386294
    assert bradley_terry_loss(chosen, rejected).item() == pytest.approx(0.836988, abs=1e-6)


def test_bradley_terry_gradient_is_the_missing_probability():
    chosen = torch.tensor([LOG_3, 0.0], requires_grad=True)
    rejected = torch.tensor([0.0, LOG_3], requires_grad=True)
    bradley_terry_loss(chosen, rejected).backward()
    # -(1 - 0.75) / 2 and -(1 - 0.25) / 2
    torch.testing.assert_close(chosen.grad, torch.tensor([-0.125, -0.375]))
    torch.testing.assert_close(rejected.grad, torch.tensor([0.125, 0.375]))


def test_bradley_terry_loss_far_from_zero():
    far = torch.tensor([-1000.0], requires_grad=True)
    loss = bradley_terry_loss(far, torch.tensor([0.0]))
    loss.backward()
    assert loss.item() == 1000.0
    assert far.grad.item() == -1.0
    assert bradley_terry_loss(torch.tensor([1000.0]), torch.tensor([0.0])).item() == 0.0


def test_dpo_starts_at_log_2_whatever_the_pairs():
    logprobs = torch.tensor([-3.0, -20.0])
    assert dpo_loss(logprobs, -logprobs, logprobs, -logprobs, kl_coef=0.05).item() == pytest.approx(0.693147, abs=1e-6)


def test_dpo_rewards_are_the_policys_distance_from_the_reference():
    chosen, rejected = torch.tensor([-2.0], requires_grad=True), torch.tensor([-5.0], requires_grad=True)
    ref_chosen, ref_rejected = torch.tensor([-4.0], requires_grad=True), torch.tensor([-4.802776])
    loss = dpo_loss(chosen, rejected, ref_chosen, ref_rejected, kl_coef=0.5)
    # 0.5 * (2 - -0.197224) = 1.098612 = log 3: the chosen text wins with probability 0.75
    assert loss.item() == pytest.approx(0.287682, abs=1e-6)
    loss.backward()
    # -kl_coef * (1 - 0.75), and its opposite; the reference stands still
    assert (chosen.grad.item(), rejected.grad.item()) == (pytest.approx(-0.125), pytest.approx(0.125))
    assert ref_chosen.grad is None


def test_dpo_refuses_no_pairs():
    with pytest.raises(ValueError, match="expected at least one pair, got 0"):
        dpo_loss(*[torch.ones(0)] * 4, kl_coef=0.1)


def test_pair_accuracy_counts_a_tie_one_half():
    chosen, rejected = torch.tensor([1.0, 2.0, 3.0, 5.0]), torch.tensor([0.0, 2.0, 4.0, 1.0])
    # 1, 1/2, 0, 1
    assert pair_accuracy(chosen, rejected).item() == 0.625
    assert pair_accuracy(rejected, chosen).item() == 0.375


@pytest.mark.parametrize("function", [bradley_terry_loss, pair_accuracy])
def test_no_pairs_are_refused(function):
    with pytest.raises(ValueError, match="expected at least one pair, got 0"):
        function(torch.ones(0), torch.ones(0))


def test_gain_and_bias_by_hand():
    # mean 2, population sd sqrt(2/3) = 0.816497: gain 1.224745, bias -2.449490
    assert gain_and_bias(torch.tensor([1.0, 2.0, 3.0])) == pytest.approx((1.224745, -2.449490), abs=1e-6)


@pytest.mark.filterwarnings("ignore:std")  # torch warns of an empty tensor's sd
@pytest.mark.parametrize("scores", [[], [1.0], [0.1] * 7, [1.0, math.nan], [1.0, math.inf]])
def test_gain_and_bias_refuse_scores_without_a_spread(scores):
    with pytest.raises(ValueError, match=f"two or more scores that differ, all finite, got {len(scores)} with sd"):
        gain_and_bias(torch.tensor(scores))


def test_gain_and_bias_refuse_a_spread_that_overflows():
    with pytest.raises(ValueError, match="got 2 with sd inf"):
        gain_and_bias(torch.tensor([1e200, -1e200], dtype=torch.float64))
