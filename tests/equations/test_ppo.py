import math

import pytest
import torch

from course_lib.equations.advantages import gae, kl_shaped_rewards
from course_lib.equations.ppo import (
    approx_kl,
    clip_fraction,
    clipped_objective,
    kl_penalised_objective,
    policy_loss,
    probability_ratio,
)

# The four corners: ratio above and below the band, advantage positive and negative; then two inside the band.
RATIO = torch.tensor([[1.5, 0.5, 1.5, 0.5, 1.1, 0.9]])
ADVANTAGES = torch.tensor([[2.0, 2.0, -2.0, -2.0, 2.0, -2.0]])
REAL = torch.ones(1, 6, dtype=torch.bool)
PADDINGS = [1e6, -1e30, math.inf, -math.inf, math.nan]


def pad(row, padding):
    """One padding on the left, two on the right."""
    return torch.nn.functional.pad(row, (1, 2), value=padding)


def test_ratio_is_new_over_old():
    assert probability_ratio(torch.tensor([0.6]).log(), torch.tensor([0.3]).log()).item() == pytest.approx(2.0)


def test_clipped_objective_in_all_quadrants():
    # min(3, 2.4), min(1, 1.6), min(-3, -2.4), min(-1, -1.6), 2.2, -1.8
    expected = torch.tensor([[2.4, 1.0, -3.0, -1.6, 2.2, -1.8]])
    torch.testing.assert_close(clipped_objective(RATIO, ADVANTAGES), expected)


def test_clipped_objective_with_a_wider_band():
    # The band is 0.6 to 1.4: min(3, 2.8), 1, -3, min(-1, -1.2)
    expected = torch.tensor([[2.8, 1.0, -3.0, -1.2, 2.2, -1.8]])
    torch.testing.assert_close(clipped_objective(RATIO, ADVANTAGES, clip_eps=0.4), expected)


def test_clipped_objective_has_no_slope_only_where_the_clip_binds():
    ratio = RATIO.clone().requires_grad_()
    clipped_objective(ratio, ADVANTAGES).sum().backward()
    assert ratio.grad.tolist() == [[0.0, 2.0, -2.0, 0.0, 2.0, -2.0]]


def test_kl_penalised_objective_charges_either_direction():
    # log 2 = 0.693147: 2 * 1 - 3 * (1 - 0.693147), 0.5 * 1 - 3 * (-0.5 + 0.693147), and nothing at ratio 1
    objective = kl_penalised_objective(torch.tensor([2.0, 0.5, 1.0]), torch.ones(3), penalty=3)
    torch.testing.assert_close(objective, torch.tensor([1.079442, -0.079442, 1.0]), atol=1e-6, rtol=0)


def test_kl_penalised_objective_refuses_a_negative_penalty():
    with pytest.raises(ValueError, match="at least 0, got -1"):
        kl_penalised_objective(torch.ones(1), torch.ones(1), penalty=-1)


def test_policy_loss_gradient_in_all_quadrants():
    logprobs = RATIO.log().requires_grad_()
    loss = policy_loss(logprobs, torch.zeros(1, 6), ADVANTAGES, REAL)
    loss.backward()
    # -(2.4 + 1 - 3 - 1.6 + 2.2 - 1.8) / 6 = 0.8 / 6
    assert loss.item() == pytest.approx(0.133333, abs=1e-6)
    # -ratio * advantage / 6: 0, -1/6, 3/6, 0, -2.2/6, 1.8/6
    expected = torch.tensor([[0.0, -0.166667, 0.5, 0.0, -0.366667, 0.3]])
    torch.testing.assert_close(logprobs.grad, expected, atol=1e-6, rtol=0)


def test_policy_loss_at_ratio_1_is_the_plain_policy_gradient():
    logprobs = torch.tensor([[-1.0, -2.0]], requires_grad=True)
    loss = policy_loss(logprobs, logprobs.detach(), torch.tensor([[3.0, -1.0]]), REAL[:, :2])
    loss.backward()
    assert loss.item() == -1.0
    assert logprobs.grad.tolist() == [[-1.5, 0.5]]


def test_policy_loss_weighs_every_real_token_the_same():
    logprobs = torch.zeros(2, 3, requires_grad=True)
    response_mask = torch.tensor([[True, False, False], [True, True, True]])
    policy_loss(logprobs, torch.zeros(2, 3), torch.ones(2, 3), response_mask).backward()
    # Four real tokens; averaging rows first would give the lone token 1/2 and the others 1/6.
    assert logprobs.grad.tolist() == [[-0.25, 0.0, 0.0], [-0.25, -0.25, -0.25]]


def test_policy_loss_passes_clip_eps_on():
    # Four corners at 0.4: -(2.8 + 1 - 3 - 1.2 + 2.2 - 1.8) / 6 = 0
    loss = policy_loss(RATIO.log(), torch.zeros(1, 6), ADVANTAGES, REAL, clip_eps=0.4)
    assert loss.item() == pytest.approx(0.0, abs=1e-6)


def test_policy_loss_averages_the_objective_it_is_given_over_real_tokens():
    def unclipped(ratio, advantages, *, clip_eps):
        assert clip_eps == 0.4
        return ratio * advantages

    loss = policy_loss(
        pad(RATIO.log(), math.nan),
        pad(torch.zeros(1, 6), 0.0),
        pad(ADVANTAGES, math.nan),
        pad(REAL, False),
        clip_eps=0.4,
        objective=unclipped,
    )
    # -(3 + 1 - 3 - 1 + 2.2 - 1.8) / 6
    assert loss.item() == pytest.approx(-0.066667, abs=1e-6)


def test_policy_loss_sends_gradient_to_logprobs_alone():
    logprobs, old_logprobs = RATIO.log().requires_grad_(), torch.zeros(1, 6, requires_grad=True)
    advantages = ADVANTAGES.clone().requires_grad_()
    policy_loss(logprobs, old_logprobs, advantages, REAL).backward()
    assert logprobs.grad is not None
    assert old_logprobs.grad is None
    assert advantages.grad is None


def test_a_kl_penalty_inside_the_advantages_adds_no_gradient():
    def gradient(detach):
        logprobs = torch.tensor([[-1.0, -2.0]], requires_grad=True)
        penalised = logprobs.detach() if detach else logprobs
        rewards = kl_shaped_rewards(torch.tensor([1.0]), penalised, torch.zeros(1, 2), REAL[:, :2], kl_coef=0.3)
        advantages = gae(rewards, torch.zeros(1, 2), REAL[:, :2])
        policy_loss(logprobs, logprobs.detach(), advantages, REAL[:, :2]).backward()
        return logprobs.grad

    torch.testing.assert_close(gradient(detach=False), gradient(detach=True), atol=0, rtol=0)


@pytest.mark.parametrize("padding", PADDINGS)
def test_policy_loss_and_its_gradient_ignore_padding(padding):
    logprobs = pad(RATIO.log(), padding).requires_grad_()
    loss = policy_loss(logprobs, pad(torch.zeros(1, 6), -padding), pad(ADVANTAGES, padding), pad(REAL, False))
    loss.backward()
    assert loss.item() == pytest.approx(0.133333, abs=1e-6)
    expected = torch.tensor([[0.0, 0.0, -0.166667, 0.5, 0.0, -0.366667, 0.3, 0.0, 0.0]])
    torch.testing.assert_close(logprobs.grad, expected, atol=1e-6, rtol=0)


def test_clip_fraction_counts_only_clips_that_bind():
    # Two of six; counting every ratio outside the band would give four.
    assert clip_fraction(RATIO, ADVANTAGES, REAL, clip_eps=0.2).item() == pytest.approx(0.333333, abs=1e-6)
    assert clip_fraction(RATIO, ADVANTAGES, REAL, clip_eps=0.6).item() == 0.0
    # A band from 0.95 to 1.05 also binds 1.1 with 2 and 0.9 with -2.
    assert clip_fraction(RATIO, ADVANTAGES, REAL, clip_eps=0.05).item() == pytest.approx(0.666667, abs=1e-6)


def test_a_ratio_on_the_edge_is_not_clipped():
    ratio = torch.tensor([[1.25, 0.75]])
    assert clip_fraction(ratio, torch.tensor([[1.0, -1.0]]), REAL[:, :2], clip_eps=0.25).item() == 0.0


@pytest.mark.parametrize("padding", PADDINGS)
def test_clip_fraction_and_approx_kl_ignore_padding(padding):
    fraction = clip_fraction(pad(RATIO, padding), pad(ADVANTAGES, 1.0), pad(REAL, False), clip_eps=0.2)
    assert fraction.item() == pytest.approx(0.333333, abs=1e-6)
    logprobs, old_logprobs = torch.tensor([[0.2]]).log(), torch.tensor([[0.5]]).log()
    kl = approx_kl(pad(logprobs, padding), pad(old_logprobs, -padding), pad(REAL[:, :1], False))
    assert kl.item() == pytest.approx(0.316291, abs=1e-6)


def test_approx_kl_reads_ratio_as_new_over_old():
    # ratio 0.4: 0.4 - 1 - log 0.4 = 0.316291; upside down it would be 2.5 - 1 - log 2.5 = 0.583709
    logprobs, old_logprobs = torch.tensor([[0.2]]).log(), torch.tensor([[0.5]]).log()
    assert approx_kl(logprobs, old_logprobs, REAL[:, :1]).item() == pytest.approx(0.316291, abs=1e-6)


def test_approx_kl_over_samples_of_the_old_policy_is_kl_from_old_to_new():
    # Ten samples in the old policy's proportions: 5 of a token at .5, 5 of one at .5; new policy .9 and .1.
    old_logprobs = torch.full((2, 5), 0.5).log()
    logprobs = torch.tensor([[0.9] * 5, [0.1] * 5]).log()
    # 0.5 log(5/9) + 0.5 log 5 = 0.510826; the other direction is 0.368064
    assert approx_kl(logprobs, old_logprobs, torch.ones(2, 5, dtype=torch.bool)).item() == pytest.approx(0.510826)


def test_nothing_moved_is_ratio_1_and_kl_0():
    logprobs = torch.tensor([[-0.1, -3.0, -700.0]])
    assert probability_ratio(logprobs, logprobs).tolist() == [[1.0, 1.0, 1.0]]
    assert approx_kl(logprobs, logprobs, REAL[:, :3]).item() == 0.0


def test_a_clip_of_zero_is_a_band_of_one_point():
    # min(3, 2), min(1, 2), min(-3, -2), min(-1, -2), min(2.2, 2), min(-1.8, -2)
    expected = torch.tensor([[2.0, 1.0, -3.0, -2.0, 2.0, -2.0]])
    torch.testing.assert_close(clipped_objective(RATIO, ADVANTAGES, clip_eps=0), expected)


@pytest.mark.parametrize("clip_eps", [-0.1, math.nan])
def test_a_negative_clip_is_refused(clip_eps):
    row = torch.zeros(1, 6)
    with pytest.raises(ValueError, match="expected clip_eps of at least 0, got"):
        clipped_objective(RATIO, ADVANTAGES, clip_eps=clip_eps)
    with pytest.raises(ValueError, match="expected clip_eps of at least 0, got"):
        policy_loss(row, row, row, REAL, clip_eps=clip_eps)
    with pytest.raises(ValueError, match="expected clip_eps of at least 0, got"):
        clip_fraction(RATIO, ADVANTAGES, REAL, clip_eps=clip_eps)


def test_a_batch_without_a_real_token_is_refused():
    row, nothing = torch.zeros(1, 6), ~REAL
    with pytest.raises(ValueError, match="at least one True, got 6 False"):
        policy_loss(row, row, row, nothing)
    with pytest.raises(ValueError, match="at least one True, got 6 False"):
        approx_kl(row, row, nothing)
    with pytest.raises(ValueError, match="at least one True, got 6 False"):
        clip_fraction(RATIO, ADVANTAGES, nothing, clip_eps=0.2)
