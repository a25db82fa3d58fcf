"""Where an equation has no finite answer it says so: an error, an infinity or a NaN that its docstring promises."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.equations import advantages, kl, logprobs, masking, ppo, preferences

ROWS = torch.ones(2, 3)


@pytest.mark.parametrize(
    "call",
    [
        lambda mask: masking.real_values(ROWS, mask),
        lambda mask: masking.masked_mean(ROWS, mask),
        lambda mask: advantages.whiten(ROWS, mask),
        lambda mask: advantages.kl_shaped_rewards(ROWS[:, 0], ROWS, ROWS, mask, kl_coef=0.1),
        lambda mask: ppo.explained_variance(ROWS, ROWS, mask),
        lambda mask: ppo.policy_loss(ROWS, ROWS, ROWS, mask),
        lambda mask: ppo.value_loss(ROWS, ROWS, ROWS, mask),
        lambda mask: ppo.clip_fraction(ROWS, ROWS, mask, clip_eps=0.2),
        lambda mask: ppo.approx_kl(ROWS, ROWS, mask),
    ],
)
def test_a_batch_of_padding_alone_is_refused(call):
    with pytest.raises(ValueError, match="at least one"):
        call(torch.zeros(2, 3, dtype=torch.bool))


def test_a_row_of_padding_alone_has_no_advantage():
    rewards, values = torch.full((2, 2, 3), math.nan)
    mask = torch.zeros(2, 3, dtype=torch.bool)
    assert advantages.td_residuals(rewards, values, mask).tolist() == [[0.0] * 3] * 2
    assert advantages.gae(rewards, values, mask).tolist() == [[0.0] * 3] * 2


@given(st.floats(-1e30, 1e30), st.integers(1, 40))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_equal_numbers_have_no_spread_at_all(number, count):
    values, mask = torch.full((1, count), number, dtype=torch.float64), torch.ones(1, count, dtype=torch.bool)
    assert advantages.whiten(values.float(), mask).abs().max() == 0
    for returns in (values, values.float()):
        assert ppo.explained_variance(returns / 2, returns, mask).isnan()
        with pytest.raises(ValueError, match="scores that differ"):
            preferences.gain_and_bias(returns[0])


def test_a_probability_that_rounds_to_zero_adds_nothing_to_kl():
    logits, ref_logits = torch.tensor([[[0.0, -200.0]]]).requires_grad_(), torch.tensor([[[0.0, -math.inf]]])
    result = kl.exact_kl(logits, ref_logits)
    result.sum().backward()
    assert result.item() == 0.0
    assert logits.grad.tolist() == [[[0.0, 0.0]]]
    assert kl.exact_kl(torch.tensor([[[0.0, -80.0]]]), ref_logits).item() == math.inf


def test_what_the_policy_never_samples_has_no_k3_and_what_the_reference_rules_out_costs_infinitely_much():
    ruled_out, possible = torch.tensor([-math.inf]), torch.tensor([-1.0])
    assert kl.k3(ruled_out, possible).isnan()
    assert kl.k1(possible, ruled_out).item() == kl.k2(possible, ruled_out).item() == math.inf
    assert kl.k3(possible, ruled_out).item() == math.inf


def test_logits_that_temperature_makes_infinite_have_no_distribution():
    for logits, temperature in [([1.0, 0.0], 1e-45), ([1e30, 0.0], 1e-30), ([math.inf, 0.0], 1.0), ([-math.inf], 1.0)]:
        position = torch.tensor([[logits]])
        assert logprobs.token_logprobs(position, torch.tensor([[0]]), temperature=temperature).isnan()
        assert logprobs.entropy(position, temperature=temperature).isnan()
    # What is far below the largest may overflow: it is ruled out.
    assert logprobs.entropy(torch.tensor([[[0.0, -1e30]]]), temperature=1e-30).item() == 0.0
