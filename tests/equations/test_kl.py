import math

import pytest
import torch
from torch.nn import functional as F

from course_lib.equations.kl import adaptive_kl_coef, exact_kl, k1, k2, k3

POLICY = torch.tensor([0.5, 0.3, 0.2])
REFERENCE = torch.tensor([0.2, 0.3, 0.5])
KL = 0.274887  # 0.5 log 2.5 + 0.3 log 1 + 0.2 log 0.4 = 0.3 * 0.916291


def one_position(probabilities):
    return torch.as_tensor(probabilities).log().reshape(1, 1, -1)


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        (k1, [0.916291, 0.0, -0.916291]),  # log 2.5, log 1, log 0.4
        (k2, [0.419794, 0.0, 0.419794]),  # 0.916291^2 / 2
        (k3, [0.316291, 0.0, 0.583709]),  # r = 0.4: 0.4 - 1 + 0.916291; r = 2.5: 2.5 - 1 - 0.916291
    ],
)
def test_estimators_per_token(estimator, expected):
    torch.testing.assert_close(estimator(POLICY.log(), REFERENCE.log()), torch.tensor(expected), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("estimator", [k1, k3])
def test_the_mean_over_the_policy_is_kl_and_the_reverse_ratio_is_not(estimator):
    assert (POLICY * estimator(POLICY.log(), REFERENCE.log())).sum().item() == pytest.approx(KL, abs=1e-6)
    # The ratio upside down, a published mistake: k1 gives -0.2749, k3 gives 0.3551.
    upside_down = (POLICY * estimator(REFERENCE.log(), POLICY.log())).sum().item()
    assert upside_down == pytest.approx({k1: -0.274887, k3: 0.355113}[estimator], abs=1e-6)


def test_exact_kl_literal():
    assert exact_kl(one_position(POLICY), one_position(REFERENCE)).item() == pytest.approx(KL, abs=1e-6)


def test_exact_kl_has_a_direction():
    policy, reference = one_position([0.5, 0.5]), one_position([0.9, 0.1])
    # 0.5 log(5/9) + 0.5 log 5 = -0.293893 + 0.804719; 0.9 log 1.8 + 0.1 log 0.2 = 0.529008 - 0.160944
    assert exact_kl(policy, reference).item() == pytest.approx(0.510826, abs=1e-6)
    assert exact_kl(reference, policy).item() == pytest.approx(0.368064, abs=1e-6)


def test_exact_kl_takes_logits_that_are_not_normalised():
    shifted = exact_kl(one_position(POLICY) + 7.0, one_position(REFERENCE) - 3.0)
    assert shifted.item() == pytest.approx(KL, abs=1e-5)


def test_exact_kl_is_pytorch_kl_div_with_log_target_where_the_one_without_is_nan():
    logprobs, ref_logprobs = one_position(POLICY), one_position(REFERENCE)
    expected = F.kl_div(ref_logprobs, logprobs, log_target=True, reduction="none").sum(-1)
    torch.testing.assert_close(exact_kl(logprobs, ref_logprobs), expected)
    assert F.kl_div(ref_logprobs, logprobs, reduction="sum").isnan()


@pytest.mark.parametrize(
    ("policy", "reference", "expected"),
    [
        ([0.5, 0.5, 0.0], [0.5, 0.25, 0.25], 0.346574),  # 0.5 log 2
        ([0.5, 0.5, 0.0], [0.5, 0.5, 0.0], 0.0),
        ([0.5, 0.25, 0.25], [0.5, 0.5, 0.0], math.inf),
    ],
)
def test_exact_kl_with_tokens_ruled_out(policy, reference, expected):
    assert exact_kl(one_position(policy), one_position(reference)).item() == pytest.approx(expected, abs=1e-6)


def test_exact_kl_gradient_also_beside_a_token_ruled_out():
    logits = one_position([0.5, 0.3, 0.2, 0.0]).requires_grad_()
    exact_kl(logits, one_position([0.2, 0.3, 0.5, 0.0])).sum().backward()
    # p (log(p / q) - KL): 0.5 (0.916291 - 0.274887), 0.3 (0 - 0.274887), 0.2 (-0.916291 - 0.274887)
    expected = torch.tensor([[[0.320702, -0.082466, -0.238236, 0.0]]])
    torch.testing.assert_close(logits.grad, expected, atol=1e-5, rtol=0)


def test_exact_kl_speaks_for_each_position():
    policy = torch.tensor([[[0.5, 0.5], [0.9, 0.1]], [[0.9, 0.1], [0.5, 0.5]]]).log()
    reference = torch.tensor([[[0.9, 0.1], [0.9, 0.1]], [[0.5, 0.5], [0.9, 0.1]]]).log()
    expected = torch.tensor([[0.510826, 0.0], [0.368064, 0.510826]])
    torch.testing.assert_close(exact_kl(policy, reference), expected, atol=1e-6, rtol=0)


def test_k3_keeps_its_digits_where_policy_and_reference_nearly_agree():
    # x^2 / 2 + x^3 / 6 at x = 0.001; exp(x) - 1 - x in float32 would be off by some 10%.
    assert k3(torch.tensor([-1e-3]), torch.tensor([0.0])).item() == pytest.approx(5.0017e-7, rel=1e-3)


def test_gradient_of_each_estimator():
    ref_logprobs = torch.tensor([0.2]).log()
    for estimator, expected in [(k1, 1.0), (k2, 0.916291), (k3, 0.6)]:  # 1, log 2.5, 1 - r = 1 - 0.4
        logprobs = torch.tensor([0.5]).log().requires_grad_()
        estimator(logprobs, ref_logprobs).sum().backward()
        assert logprobs.grad.item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("mean", "true_kl", "biases", "stds"),
    [(0.1, 0.005, (0.0, 0.002, 0.0), (20.0, 1.42, 1.42)), (1.0, 0.5, (0.0, 0.25, 0.0), (2.0, 1.73, 1.7))],
)
def test_schulmans_table(mean, true_kl, biases, stds):
    """Samples from q = N(0, 1), one from each of a million equally likely slices; p = N(mean, 1), KL = mean^2 / 2."""
    samples = torch.special.ndtri((torch.arange(1_000_000, dtype=torch.float64) + 0.5) / 1_000_000)
    logprobs, ref_logprobs = -(samples**2) / 2, -((samples - mean) ** 2) / 2
    for estimator, bias, std in zip((k1, k2, k3), biases, stds, strict=True):
        estimates = estimator(logprobs, ref_logprobs)
        assert estimates.mean().item() / true_kl - 1 == pytest.approx(bias, abs=0.001)
        assert estimates.std().item() / true_kl == pytest.approx(std, abs=0.01)


@pytest.mark.parametrize(
    ("kl", "expected"),
    [
        (6.0, 0.15),
        (6.6, 0.150768),  # e = 0.1: 0.15 (1 + 0.1 * 0.0512)
        (5.4, 0.149232),
        (12.0, 0.151536),  # e stops at 0.2: 0.15 * 1.01024
        (1e9, 0.151536),
        (0.0, 0.148464),  # and at -0.2: 0.15 * 0.98976
        (-3, 0.148464),
    ],
)
def test_adaptive_kl_coef(kl, expected):
    assert adaptive_kl_coef(0.15, kl, target=6, horizon=10_000, batch_size=512) == pytest.approx(expected, abs=1e-9)


def test_adaptive_kl_coef_with_a_short_horizon():
    # e = 0.2 and one response out of a horizon of half a response: 0.1 (1 + 0.2 * 2)
    assert adaptive_kl_coef(0.1, 1, target=0.5, horizon=0.5, batch_size=1) == pytest.approx(0.14, abs=1e-9)


@pytest.mark.parametrize(
    ("kl", "target", "horizon"), [(1.0, 0, 10), (1.0, -6.0, 10), (1.0, 6.0, 0), (math.nan, 6, 10), (math.inf, 6, 10)]
)
def test_adaptive_kl_coef_refuses_what_would_spoil_the_coefficient(kl, target, horizon):
    with pytest.raises(ValueError, match="expected target > 0, horizon > 0 and a finite kl, got"):
        adaptive_kl_coef(0.15, kl, target=target, horizon=horizon, batch_size=512)
