"""Laws that hold for every shape, mask and size of number; hypothesis looks for the exception."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.equations import advantages, kl, logprobs, masking, policy_gradient, ppo, preferences

seeds = st.integers(0, 2**32 - 1)
row_lengths = st.lists(st.integers(1, 6), min_size=1, max_size=4)
scales = st.sampled_from([1e-6, 1e-2, 1.0, 30.0])
dtypes = st.sampled_from([torch.float32, torch.float64])
paddings = st.sampled_from([0.0, 1e6, -1e30, math.inf, -math.inf, math.nan])
unit = st.floats(0, 1)
few = settings(max_examples=40, deadline=None, derandomize=True)


def normal(seed, *shape, scale=1.0, dtype=torch.float64):
    return scale * torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def right_padded(lengths):
    return torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)


def widen(rows, mask, padding, left, right):
    """Put the padding where the mask is False and in extra columns on both sides."""
    return torch.nn.functional.pad(rows.masked_fill(~mask, padding), (left, right), value=padding)


MASKED = {
    "masked_mean": lambda a, b, c, d, mask: masking.masked_mean(a, mask),
    "whiten": lambda a, b, c, d, mask: advantages.whiten(a, mask),
    "whiten, mean kept": lambda a, b, c, d, mask: advantages.whiten(a, mask, shift_mean=False),
    "kl_shaped_rewards": lambda a, b, c, d, mask: advantages.kl_shaped_rewards(
        torch.arange(len(a), dtype=a.dtype), a, b, mask, kl_coef=0.1
    ),
    "td_residuals": lambda a, b, c, d, mask: advantages.td_residuals(a, b, mask, gamma=0.9),
    "gae": lambda a, b, c, d, mask: advantages.gae(a, b, mask, gamma=0.9),
    "explained_variance": lambda a, b, c, d, mask: ppo.explained_variance(a, b, mask),
    "grpo_loss": lambda a, b, c, d, mask: policy_gradient.grpo_loss(a, b, c, torch.arange(len(a)).to(a), mask),
    "dr_grpo_loss": lambda a, b, c, d, mask: policy_gradient.dr_grpo_loss(
        a, b, torch.arange(len(a)).to(a), mask, longest=9
    ),
    "policy_loss": lambda a, b, c, d, mask: ppo.policy_loss(a, b, c, mask),
    "value_loss": lambda a, b, c, d, mask: ppo.value_loss(a, b, c, mask),
    "clip_fraction": lambda a, b, c, d, mask: ppo.clip_fraction(a, b, mask, clip_eps=0.2),
    "approx_kl": lambda a, b, c, d, mask: ppo.approx_kl(a, b, mask),
}


@pytest.mark.parametrize("name", MASKED)
@given(seeds, row_lengths, paddings, st.integers(0, 2), st.integers(0, 3), dtypes)
@few
def test_padding_changes_not_one_bit_and_the_dtype_is_kept(name, seed, lengths, padding, left, right, dtype):
    mask = right_padded(lengths)
    rows = [normal(seed + i, *mask.shape, dtype=dtype) for i in range(4)]
    wide_mask = widen(mask, mask, False, left, right)
    result = MASKED[name](*rows, mask)
    wide_result = MASKED[name](*(widen(row, mask, padding, left, right) for row in rows), wide_mask)
    assert result.dtype == wide_result.dtype == dtype
    if result.ndim:
        result = widen(result, mask, 0.0, left, right)
    torch.testing.assert_close(wide_result, result, atol=0, rtol=0, equal_nan=True)


@pytest.mark.parametrize("name", MASKED)
@given(seeds, row_lengths)
@few
def test_gradient_at_padding_is_zero_even_if_nan_stands_there(name, seed, lengths):
    mask = right_padded(lengths)
    wide_mask = widen(mask, mask, False, 1, 2)
    rows = [widen(normal(seed + i, *mask.shape), mask, math.nan, 1, 2).requires_grad_() for i in range(4)]
    result = MASKED[name](*rows, wide_mask).sum()
    if name == "clip_fraction" or (name == "explained_variance" and wide_mask.sum() == 1):
        return  # no gradient by nature; one return does not vary
    assert result.isfinite()
    for gradient in torch.autograd.grad(result, rows, allow_unused=True):
        if gradient is not None:
            assert gradient[~wide_mask].count_nonzero() == 0


@given(seeds, row_lengths, scales)
@few
def test_whitened_values_have_mean_0_and_variance_1(seed, lengths, scale):
    mask = right_padded([2, *lengths])
    whitened = advantages.whiten(normal(seed, *mask.shape, scale=scale), mask, eps=0.0)
    assert whitened[mask].mean().item() == pytest.approx(0.0, abs=1e-9)
    assert whitened[mask].square().mean().item() == pytest.approx(1.0, abs=1e-9)


@given(seeds, row_lengths, unit, unit, scales)
@few
def test_gae_is_the_discounted_sum_of_td_residuals(seed, lengths, gamma, lam, scale):
    mask = right_padded(lengths)
    rewards, values = (normal(seed + i, *mask.shape, scale=scale) for i in range(2))
    result = advantages.gae(rewards, values, mask, gamma=gamma, lam=lam)
    for row, length in enumerate(lengths):
        r, v = rewards[row].tolist(), [*values[row, :length].tolist(), 0.0]
        for t in range(length):
            expected = sum((gamma * lam) ** (s - t) * (r[s] + gamma * v[s + 1] - v[s]) for s in range(t, length))
            assert result[row, t].item() == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(seeds, row_lengths)
@few
def test_returns_at_gamma_lam_1_are_reverse_cumulative_sums_of_rewards(seed, lengths):
    mask = right_padded(lengths)
    rewards, values = normal(seed, *mask.shape) * mask, normal(seed + 1, *mask.shape)
    returns = advantages.gae(rewards, values, mask, lam=1.0) + values
    torch.testing.assert_close(returns[mask], rewards.flip(1).cumsum(1).flip(1)[mask])


@given(seeds, row_lengths, unit)
@few
def test_rewards_add_up_to_score_minus_penalty(seed, lengths, kl_coef):
    mask = right_padded(lengths)
    policy, reference = (normal(seed + i, *mask.shape) for i in range(2))
    scores = normal(seed + 2, len(lengths))
    rewards = advantages.kl_shaped_rewards(scores, policy, reference, mask, kl_coef=kl_coef)
    for row, length in enumerate(lengths):
        penalty = kl_coef * (policy[row, :length].sum() - reference[row, :length].sum())
        assert rewards[row].sum().item() == pytest.approx((scores[row] - penalty).item(), abs=1e-9)


@given(seeds, row_lengths, st.floats(0, 0.9), scales)
@few
def test_the_clip_only_ever_lowers_the_objective_and_kills_the_slope_where_it_binds(seed, lengths, clip_eps, scale):
    mask = right_padded(lengths)
    ratio = normal(seed, *mask.shape, scale=min(scale, 5.0)).exp().requires_grad_()
    signs = normal(seed + 1, *mask.shape)
    objective = ppo.clipped_objective(ratio, signs, clip_eps=clip_eps)
    objective.sum().backward()
    assert (objective <= ratio * signs).all()
    dead = ratio.grad == 0
    torch.testing.assert_close(ratio.grad[~dead], signs[~dead])
    assert (((ratio > 1 + clip_eps) & (signs > 0)) | ((ratio < 1 - clip_eps) & (signs < 0))).equal(dead)
    fraction = ppo.clip_fraction(ratio, signs, mask, clip_eps=clip_eps)
    assert fraction.item() == pytest.approx(dead[mask].double().mean().item())


@given(seeds, row_lengths, st.floats(0, 2), scales)
@few
def test_the_value_clip_never_lowers_the_loss(seed, lengths, clip_eps, scale):
    mask = right_padded(lengths)
    values, old_values, returns = (normal(seed + i, *mask.shape, scale=scale) for i in range(3))
    plain = ppo.value_loss(values, old_values, returns, mask, clip_eps=None)
    assert ppo.value_loss(values, old_values, returns, mask, clip_eps=clip_eps) >= plain
    assert ppo.value_loss(values, old_values, returns, mask, clip_eps=math.inf) == plain


@given(seeds, st.integers(2, 9), scales)
@few
def test_kl_estimators_agree_with_the_sum_over_the_vocabulary(seed, vocab, scale):
    logits, ref_logits = (normal(seed + i, 1, 1, vocab, scale=scale) for i in range(2))
    policy, reference = logits.log_softmax(-1), ref_logits.log_softmax(-1)
    exact = kl.exact_kl(logits, ref_logits).item()
    assert exact >= -1e-12
    for estimator in (kl.k1, kl.k3):
        mean = (policy.exp() * estimator(policy, reference)).sum().item()
        assert mean == pytest.approx(exact, rel=1e-6, abs=1e-12)
    assert (kl.k2(policy, reference) >= 0).all()
    assert (kl.k3(policy, reference) >= 0).all()


@given(seeds, st.integers(1, 9), scales, st.sampled_from([0.3, 1.0, 4.0]), dtypes)
@few
def test_logprobs_sum_to_1_and_entropy_is_their_mean(seed, vocab, scale, temperature, dtype):
    logits = normal(seed, 1, 1, vocab, scale=scale, dtype=dtype).expand(1, vocab, vocab)
    result = logprobs.token_logprobs(logits, torch.arange(vocab).unsqueeze(0), temperature=temperature)
    entropy = logprobs.entropy(logits, temperature=temperature)
    assert result.dtype == entropy.dtype == dtype
    assert result.exp().sum().item() == pytest.approx(1.0, rel=1e-5)
    assert entropy[0, 0].item() == pytest.approx(-(result.exp() * result).sum().item(), abs=1e-5)
    assert -1e-6 <= entropy[0, 0].item() <= math.log(vocab) + 1e-5


@given(seeds, st.integers(1, 9), scales, dtypes)
@few
def test_preferences_are_symmetric(seed, pairs, scale, dtype):
    chosen, rejected = (normal(seed + i, pairs, scale=scale, dtype=dtype) for i in range(2))
    both_ways = [preferences.preference_probability(*two) for two in ((chosen, rejected), (rejected, chosen))]
    torch.testing.assert_close(sum(both_ways), torch.ones(pairs, dtype=dtype))
    loss = preferences.bradley_terry_loss(chosen, rejected)
    accuracy = preferences.pair_accuracy(chosen, rejected)
    assert loss.dtype == accuracy.dtype == dtype
    # log s(-x) = log s(x) - x
    swapped = preferences.bradley_terry_loss(rejected, chosen).item()
    assert swapped - loss.item() == pytest.approx((chosen - rejected).mean().item(), rel=1e-4, abs=1e-5)
    assert accuracy.item() + preferences.pair_accuracy(rejected, chosen).item() == pytest.approx(1.0)


@given(seeds, st.integers(2, 50), scales, st.floats(-100, 100), dtypes)
@few
def test_gain_and_bias_bring_any_scores_to_mean_0_and_sd_1(seed, samples, scale, shift, dtype):
    scores = normal(seed, samples, scale=scale, dtype=dtype) + shift
    if scores.unique().numel() == 1:
        return
    gain, bias = preferences.gain_and_bias(scores)
    normalised = gain * scores.double() + bias
    assert normalised.mean().item() == pytest.approx(0.0, abs=1e-5)
    assert normalised.std(correction=0).item() == pytest.approx(1.0, abs=1e-5)


@given(st.floats(1e-4, 10), st.floats(-5, 1e6), st.floats(0.1, 100), st.integers(1, 10_000))
@few
def test_the_kl_coefficient_moves_toward_its_target_and_at_most_a_fifth(kl_coef, measured, target, batch_size):
    result = kl.adaptive_kl_coef(kl_coef, measured, target=target, horizon=10_000, batch_size=batch_size)
    assert (result - kl_coef) * (measured - target) >= 0
    assert abs(result - kl_coef) <= 0.2 * kl_coef * batch_size / 10_000 * (1 + 1e-9) + 1e-15
