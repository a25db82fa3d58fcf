import math

import pytest
import torch

from course_lib.equations.advantages import gae, kl_shaped_rewards, td_residuals
from course_lib.equations.ppo import explained_variance

REWARDS = torch.tensor([[1.0, 2.0, 3.0]])
VALUES = torch.tensor([[10.0, 20.0, 30.0]])
REAL = torch.tensor([[True, True, True]])
PADDINGS = [1e6, -1e30, math.inf, math.nan]


def padded(row, padding, *, left=0, right=0):
    return torch.nn.functional.pad(row, (left, right), value=padding)


def test_rewards_pay_the_score_at_the_last_real_token():
    logprobs, ref_logprobs = torch.full((3, 3), -1.0), torch.full((3, 3), -1.5)
    response_mask = torch.tensor([[True, False, False], [True, True, False], [True, True, True]])
    rewards = kl_shaped_rewards(torch.tensor([1.0, 2.0, 3.0]), logprobs, ref_logprobs, response_mask, kl_coef=0.1)
    # Every real token costs 0.1 * (-1 + 1.5) = 0.05.
    expected = torch.tensor([[0.95, 0.0, 0.0], [-0.05, 1.95, 0.0], [-0.05, -0.05, 2.95]])
    torch.testing.assert_close(rewards, expected)


def test_rewards_pay_for_tokens_that_the_reference_likes_better():
    rewards = kl_shaped_rewards(
        torch.tensor([0.0]), torch.tensor([[-2.0, -1.0]]), torch.tensor([[-1.0, -3.0]]), REAL[:, :2], kl_coef=0.1
    )
    # -0.1 * (-2 + 1) = 0.1; -0.1 * (-1 + 3) = -0.2
    torch.testing.assert_close(rewards, torch.tensor([[0.1, -0.2]]))


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(("left", "right"), [(2, 0), (0, 2), (1, 3)])
def test_rewards_neither_read_nor_write_padding(padding, left, right):
    logprobs, ref_logprobs = torch.tensor([[-1.0, -2.0, -3.0]]), torch.tensor([[-2.0, -2.0, -2.0]])
    rewards = kl_shaped_rewards(
        torch.tensor([5.0]),
        padded(logprobs, padding, left=left, right=right),
        padded(ref_logprobs, padding, left=left, right=right),
        padded(REAL, False, left=left, right=right),
        kl_coef=0.5,
    )
    # -0.5 * 1, 0, 5 - 0.5 * -1
    expected = padded(torch.tensor([[-0.5, 0.0, 5.5]]), 0.0, left=left, right=right)
    torch.testing.assert_close(rewards, expected)


def test_rewards_refuse_a_row_with_no_place_for_its_score():
    response_mask = torch.tensor([[True, True], [False, False], [True, False]])
    with pytest.raises(ValueError, match=r"at least one real token in every row, got none in rows \[1\]"):
        kl_shaped_rewards(torch.ones(3), torch.zeros(3, 2), torch.zeros(3, 2), response_mask, kl_coef=0.1)


def test_td_residuals_by_hand():
    # 1 + 0.5 * 20 - 10, 2 + 0.5 * 30 - 20, 3 + 0 - 30
    assert td_residuals(REWARDS, VALUES, REAL, gamma=0.5).tolist() == [[1.0, -3.0, -27.0]]
    # 1 + 20 - 10, 2 + 30 - 20, 3 + 0 - 30
    assert td_residuals(REWARDS, VALUES, REAL).tolist() == [[11.0, 12.0, -27.0]]


@pytest.mark.parametrize(
    ("gamma", "lam", "expected"),
    [
        (0.5, 0.5, [-1.4375, -9.75, -27.0]),  # -27; -3 + 0.25 * -27; 1 + 0.25 * -9.75
        (0.5, 0, [1.0, -3.0, -27.0]),  # the TD residuals
        (1, 1, [-4.0, -15.0, -27.0]),  # 6 - 10, 5 - 20, 3 - 30: rewards to come minus values
        (0.5, 1, [-7.25, -16.5, -27.0]),  # 2.75 - 10, 3.5 - 20, 3 - 30
        (0, 1, [-9.0, -18.0, -27.0]),  # 1 - 10, 2 - 20, 3 - 30
    ],
)
def test_gae_by_hand(gamma, lam, expected):
    torch.testing.assert_close(gae(REWARDS, VALUES, REAL, gamma=gamma, lam=lam), torch.tensor([expected]))


def test_gae_defaults_to_gamma_1_and_lam_095():
    # -27; 12 - 0.95 * 27 = -13.65; 11 - 0.95 * 13.65 = -1.9675
    torch.testing.assert_close(gae(REWARDS, VALUES, REAL), torch.tensor([[-1.9675, -13.65, -27.0]]))


def test_returns_at_lam_1_are_the_rewards_to_come_whatever_the_values():
    for values in (VALUES, torch.tensor([[-3.0, 0.0, 7.0]])):
        returns = gae(REWARDS, values, REAL, lam=1.0) + values
        torch.testing.assert_close(returns, torch.tensor([[6.0, 5.0, 3.0]]))


def test_a_critic_that_is_right_leaves_no_advantage():
    assert gae(REWARDS, torch.tensor([[6.0, 5.0, 3.0]]), REAL).tolist() == [[0.0, 0.0, 0.0]]


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(("left", "right"), [(0, 1), (3, 0), (2, 2)])
def test_gae_neither_reads_nor_writes_padding(padding, left, right):
    rewards, values = (padded(row, padding, left=left, right=right) for row in (REWARDS, VALUES))
    response_mask = padded(REAL, False, left=left, right=right)
    advantages = gae(rewards, values, response_mask, gamma=0.5, lam=0.5)
    expected = padded(torch.tensor([[-1.4375, -9.75, -27.0]]), 0.0, left=left, right=right)
    torch.testing.assert_close(advantages, expected)
    deltas = td_residuals(rewards, values, response_mask, gamma=0.5)
    torch.testing.assert_close(deltas, padded(torch.tensor([[1.0, -3.0, -27.0]]), 0.0, left=left, right=right))


def test_rows_do_not_touch_each_other():
    rewards = torch.cat([REWARDS, torch.tensor([[4.0, 1e6, 1e6]])])
    values = torch.cat([VALUES, torch.tensor([[1.0, 1e6, 1e6]])])
    response_mask = torch.tensor([[True, True, True], [True, False, False]])
    expected = torch.tensor([[-1.4375, -9.75, -27.0], [3.0, 0.0, 0.0]])
    torch.testing.assert_close(gae(rewards, values, response_mask, gamma=0.5, lam=0.5), expected)


def test_these_functions_do_not_detach():
    logprobs = torch.zeros(1, 3, requires_grad=True)
    rewards = kl_shaped_rewards(torch.tensor([1.0]), logprobs, torch.zeros(1, 3), REAL, kl_coef=0.5)
    gae(rewards, VALUES, REAL, gamma=1, lam=1)[0, 0].backward()
    assert logprobs.grad.tolist() == [[-0.5, -0.5, -0.5]]


@pytest.mark.parametrize("discount", [-0.1, 1.1, math.nan])
def test_discounts_outside_0_to_1_are_refused(discount):
    with pytest.raises(ValueError, match=r"expected gamma in \[0, 1\], got"):
        td_residuals(REWARDS, VALUES, REAL, gamma=discount)
    with pytest.raises(ValueError, match=r"expected gamma in \[0, 1\], got"):
        gae(REWARDS, VALUES, REAL, gamma=discount)
    with pytest.raises(ValueError, match=r"expected lam in \[0, 1\], got"):
        gae(REWARDS, VALUES, REAL, lam=discount)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, 2.0, 3.0], 1.0),
        ([11.0, 12.0, 13.0], 1.0),  # a constant error varies not at all
        ([5.0, 5.0, 5.0], 0.0),
        ([1.0, 2.0, 2.0], 2 / 3),  # errors 0, 0, 1: variance 1/3 - 1/9 = 2/9, against 2/3
        ([3.0, 2.0, 1.0], -3.0),  # errors -2, 0, 2: variance 8/3, against 2/3
    ],
)
def test_explained_variance(values, expected):
    response_mask = torch.tensor([[True, True, True, False]])
    values, returns = torch.tensor([[*values, math.nan]]), torch.tensor([[1.0, 2.0, 3.0, 1e6]])
    assert explained_variance(values, returns, response_mask).item() == pytest.approx(expected, abs=1e-6)


def test_explained_variance_of_returns_that_do_not_vary_is_undefined():
    assert explained_variance(REWARDS, torch.full((1, 3), 2.0), REAL).isnan()
