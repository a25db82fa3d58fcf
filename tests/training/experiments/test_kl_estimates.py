"""Bias and spread of the estimators: worked by hand, as in Schulman's table, and as sampling finds them."""

import pytest
import torch

from course_lib.training.experiments.kl_estimates import (
    errors_by_distance,
    estimator_errors,
    loss_directions,
    response_logits,
)
from course_lib.training.rollout import Rollout


def test_two_tokens_by_hand():
    # policy 1/2, 1/2, reference 1/4, 3/4: log ratios log 2 and log 2/3, KL 0.1438
    kl, errors = estimator_errors(torch.zeros(1, 2), torch.tensor([[0.25, 0.75]]).log())
    assert kl == pytest.approx(0.14384, abs=1e-5)
    # k2 is 0.24023 or 0.08220: mean 0.16121, sd 0.07901
    assert errors["k2"] == pytest.approx((0.12077, 0.54930), abs=1e-3)
    # k1 is 0.69315 or -0.40547: sd 0.54931
    assert errors["k1"] == pytest.approx((0.0, 3.81884), abs=1e-3)


@pytest.mark.parametrize(
    ("mean", "table"),
    [
        (0.1, {"k1": (0, 20), "k2": (0.002, 1.42), "k3": (0, 1.42)}),
        (1.0, {"k1": (0, 2), "k2": (0.25, 1.73), "k3": (0, 1.7)}),
    ],
)
def test_schulmans_table(mean, table):
    x = torch.linspace(-12, 12, 24_001, dtype=torch.float64)[None]
    kl, errors = estimator_errors(-(x**2) / 2, -((x - mean) ** 2) / 2)
    assert kl == pytest.approx(mean**2 / 2, abs=1e-4)
    for name, expected in table.items():
        assert errors[name] == pytest.approx(expected, abs=0.0055)


def test_a_token_that_is_never_sampled_adds_nothing():
    kl, errors = estimator_errors(torch.tensor([[0.0, 0.0, -torch.inf]]), torch.tensor([[1.0, 0.0, 0.0]]))
    assert 0 < kl < 1
    assert all(abs(bias) < 10 and spread < 10 for bias, spread in errors.values())


def test_the_line_goes_through_the_reference_and_the_policy():
    generator = torch.Generator().manual_seed(0)
    logits, ref_logits = torch.randn(2, 5, 7, generator=generator)
    near, policy, beyond = errors_by_distance(logits, ref_logits, [0.01, 1.0, 2.0])
    assert policy[0] == pytest.approx(estimator_errors(logits, ref_logits)[0])
    assert near[0] < 1e-3 < policy[0] < beyond[0]


def test_logits_are_those_before_each_real_response_token(tiny_lm):
    ids = torch.tensor([[1, 2, 3, 4], [1, 2, 5, 0]])
    mask = torch.tensor([[True, True], [True, False]])
    rollout = Rollout(ids[:, :2], ids[:, 2:], mask, torch.tensor([False, True]))
    found = response_logits(tiny_lm, rollout, temperature=0.5)
    alone = [tiny_lm(ids[row : row + 1, :length]).logits[0, -1] / 0.5 for row, length in ((0, 2), (0, 3), (1, 2))]
    torch.testing.assert_close(found, torch.stack(alone).detach(), atol=1e-4, rtol=1e-4)


def test_as_losses_k1_does_nothing_k2_follows_the_kl_and_k3_the_other_one():
    logits, ref_logits = torch.randn(2, 21, 4, generator=torch.Generator().manual_seed(0))
    cosines = loss_directions(logits, ref_logits)
    assert cosines["k1"] == pytest.approx((0, 0), abs=1e-3)
    assert cosines["k2"][0] == pytest.approx(1) == cosines["k3"][1]
    assert cosines["k2"][1] < 0.99 > cosines["k3"][0]
    assert not logits.requires_grad
