"""Every equation at numbers from 1e-30 to 1e30 agrees with exact arithmetic, or is infinite or NaN as it says."""

import importlib
import inspect
import math
import pkgutil
import random
from dataclasses import dataclass, field
from decimal import Decimal, localcontext

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from shared import slow_equations as slow

from course_lib import equations
from course_lib.equations import (
    advantages,
    best_of_n,
    ensemble,
    kl,
    logprobs,
    masking,
    optimum,
    overoptimization,
    policy_gradient,
    ppo,
    preferences,
    verified,
)

NUMBERS = [0.0, 0.0, 1e-30, -1e-30, 1e-3, 0.1, -0.7, 1.0, -1.0, 3.0, -30.0, 1e4, -1e4, 1e6, 1e30, -1e30]
ORDINARY = [0.1, 0.5, 0.7, 1.0, 3.0]
RATIOS = [0.0, 1e-30, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 1e4, 1e30, math.inf]
CLIPS = [0.0, 0.25, 0.5, 1.0, 1e4, 2.0**100, math.inf]
UNITS = [0.0, 0.5, 0.95, 1.0]
TEMPERATURES = [1e-30, 0.01, 0.7, 1.0, 1e4, 1e30]
seeds = st.integers(0, 2**32 - 1)


@dataclass(frozen=True)
class Case:
    """How to call an equation on three padded batches and their mask, its slow double, and what else it takes."""

    call: callable
    exact: callable
    options: dict = field(default_factory=dict)
    first: list = field(default_factory=lambda: NUMBERS)


def elementwise(function):
    return lambda a, b, c, mask, **options: function(a, b, **options)[mask]


def on_rows(function):
    """Padding holds logits of -inf: tokens ruled out."""
    return lambda a, b, c, mask, **options: function(ruled_out(a, mask), ruled_out(b, mask), mask, **options)[:, 0]


def ruled_out(logits, mask):
    return logits.masked_fill(~mask, -math.inf).unsqueeze(1)


def one_group(function):
    """All real numbers as the responses to one prompt; nothing where there is only one."""
    return lambda a, b, c, mask, **options: (
        function(a[mask][None], **options)[0] if mask.sum() > 1 else torch.tensor(())
    )


def of_first_real_token(a, b, mask, *, temperature):
    return logprobs.token_logprobs(a, mask.int().argmax(dim=1, keepdim=True), temperature=temperature)


def row_by_row(function):
    """Give the function the real numbers of one row at a time."""
    return lambda a, b, c, mask, **options: torch.cat(
        [function(x[real][None], y[real][None], **options).flatten() for x, y, real in zip(a, b, mask, strict=True)]
    )


def best_of_languages(logits, _, *, n):
    ranks = torch.arange(logits.shape[1]) // 2
    return best_of_n.best_of_n_distribution(logits[0].softmax(0), ranks.float(), n=n)


def best_of_samples(scores, values, *, n):
    return best_of_n.expected_best_of_n(scores, values, n=min(n, scores.shape[1]))


FORMS = {"alpha": [0, 0.5, -2.0, 1e4], "beta": [0, 1e-30, 0.5, -2.0]}
CASES = {
    masking.real_values: Case(lambda a, b, c, m: masking.real_values(a, m), lambda a, b, c: slow.real_values(a)),
    masking.masked_mean: Case(
        lambda a, b, c, m: masking.masked_mean(a, m), lambda a, b, c: slow.average(slow.real_values(a))
    ),
    advantages.whiten: Case(
        lambda a, b, c, m, **o: advantages.whiten(a, m, **o)[m],
        lambda a, b, c, **o: slow.whiten(a, **o),
        {"shift_mean": [True, False], "eps": [0.0, 1e-8, 1.0]},
    ),
    advantages.kl_shaped_rewards: Case(
        lambda a, b, c, m, **o: advantages.kl_shaped_rewards(first_real(c, m), a, b, m, **o)[m],
        slow.kl_shaped_rewards,
        {"kl_coef": [0, 1e-30, 0.05, 1e6]},
    ),
    advantages.td_residuals: Case(
        lambda a, b, c, m, **o: advantages.td_residuals(a, b, m, **o)[m],
        lambda a, b, c, gamma: slow.gae(a, b, gamma=gamma, lam=0.0),
        {"gamma": UNITS},
    ),
    advantages.gae: Case(
        lambda a, b, c, m, **o: advantages.gae(a, b, m, **o)[m],
        lambda a, b, c, **o: slow.gae(a, b, **o),
        {"gamma": UNITS, "lam": UNITS},
    ),
    ppo.explained_variance: Case(
        lambda a, b, c, m: ppo.explained_variance(a, b, m), lambda a, b, c: slow.explained_variance(a, b)
    ),
    kl.k1: Case(elementwise(kl.k1), lambda a, b, c: ((p - q, abs(p - q)) for p, q in slow.flat(a, b))),
    kl.k2: Case(elementwise(kl.k2), lambda a, b, c: [2 * ((p - q) * (p - q) / 2,) for p, q in slow.flat(a, b)]),
    kl.k3: Case(elementwise(kl.k3), lambda a, b, c: slow.k3(a, b)),
    kl.exact_kl: Case(on_rows(lambda a, b, m: kl.exact_kl(a, b)), lambda a, b, c: slow.exact_kl(a, b)),
    logprobs.token_logprobs: Case(
        on_rows(of_first_real_token), lambda a, b, c, **o: slow.token_logprobs(a, **o), {"temperature": TEMPERATURES}
    ),
    logprobs.entropy: Case(
        on_rows(lambda a, b, m, **o: logprobs.entropy(a, **o)),
        lambda a, b, c, **o: slow.entropy(a, **o),
        {"temperature": TEMPERATURES},
    ),
    logprobs.text_logprobs: Case(
        lambda a, b, c, m: logprobs.text_logprobs(a, m), lambda a, b, c: slow.text_logprobs(a)
    ),
    policy_gradient.reinforce_advantages: Case(
        one_group(lambda returns: policy_gradient.reinforce_advantages(returns[0])[None]),
        lambda a, b, c: slow.rloo_advantages(a),
    ),
    policy_gradient.rloo_advantages: Case(
        one_group(policy_gradient.rloo_advantages), lambda a, b, c: slow.rloo_advantages(a)
    ),
    policy_gradient.grpo_advantages: Case(
        one_group(policy_gradient.grpo_advantages),
        lambda a, b, c, **o: slow.grpo_advantages(a, **o),
        {"eps": [0.0, 1e-8, 1.0]},
    ),
    policy_gradient.reinforce_loss: Case(
        lambda a, b, c, m: policy_gradient.reinforce_loss(a, first_real(c, m), m),
        lambda a, b, c: slow.reinforce_loss(a, c),
    ),
    policy_gradient.grpo_loss: Case(
        lambda a, b, c, m, **o: policy_gradient.grpo_loss(a, b, a / 2, first_real(c, m), m, **o),
        lambda a, b, c, **o: slow.grpo_loss(a, b, c, **o),
        {"clip_eps": [0.0, 0.25, 1.0], "kl_coef": [0, 1e-30, 0.05, 1e6]},
    ),
    policy_gradient.dr_grpo_loss: Case(
        lambda a, b, c, m, **o: policy_gradient.dr_grpo_loss(a, b, first_real(c, m), m, **o),
        slow.dr_grpo_loss,
        {"clip_eps": [0.0, 0.25, 1.0], "longest": [1, 24]},
    ),
    ppo.probability_ratio: Case(elementwise(ppo.probability_ratio), lambda a, b, c: slow.probability_ratio(a, b)),
    ppo.clipped_objective: Case(
        elementwise(ppo.clipped_objective),
        lambda a, b, c, **o: slow.clipped_objective(a, b, **o),
        {"clip_eps": CLIPS},
        first=RATIOS,
    ),
    ppo.kl_penalised_objective: Case(
        elementwise(ppo.kl_penalised_objective),
        lambda a, b, c, **o: slow.kl_penalised_objective(a, b, **o),
        {"penalty": [0.0, 0.5, 1e4]},
        first=RATIOS,
    ),
    ppo.policy_loss: Case(ppo.policy_loss, slow.policy_loss, {"clip_eps": CLIPS}),
    ppo.value_loss: Case(ppo.value_loss, slow.value_loss, {"clip_eps": [None, *CLIPS]}),
    ppo.clip_fraction: Case(
        lambda a, b, c, m, **o: ppo.clip_fraction(a, b, m, **o),
        lambda a, b, c, **o: slow.clip_fraction(a, b, **o),
        {"clip_eps": CLIPS},
        first=RATIOS,
    ),
    ppo.approx_kl: Case(lambda a, b, c, m: ppo.approx_kl(a, b, m), lambda a, b, c: slow.average(slow.k3(b, a))),
    preferences.preference_probability: Case(
        elementwise(preferences.preference_probability), lambda a, b, c: slow.preference_probability(a, b)
    ),
    preferences.bradley_terry_loss: Case(
        lambda a, b, c, m: preferences.bradley_terry_loss(a[m], b[m]), lambda a, b, c: slow.bradley_terry_loss(a, b)
    ),
    preferences.dpo_loss: Case(
        lambda a, b, c, m, **o: preferences.dpo_loss(a[m], b[m], c[m], a[m] / 2, **o),
        lambda a, b, c, **o: slow.dpo_loss(a, b, c, **o),
        {"kl_coef": [0, 1e-30, 0.05, 1e6]},
    ),
    preferences.pair_accuracy: Case(
        lambda a, b, c, m: preferences.pair_accuracy(a[m], b[m]), lambda a, b, c: slow.pair_accuracy(a, b)
    ),
    preferences.gain_and_bias: Case(
        lambda a, b, c, m: torch.tensor(preferences.gain_and_bias(a[m]) if a[m].unique().numel() > 1 else ()),
        lambda a, b, c: slow.gain_and_bias(a),
    ),
    best_of_n.best_of_n_distribution: Case(
        row_by_row(best_of_languages), lambda a, b, c, **o: slow.best_of_n_distribution(a, **o), {"n": [1, 2, 7]}
    ),
    best_of_n.expected_best_of_n: Case(
        row_by_row(best_of_samples), lambda a, b, c, **o: slow.expected_best_of_n(a, b, **o), {"n": [1, 2, 3]}
    ),
    overoptimization.best_of_n_form: Case(
        lambda a, b, c, m, **o: overoptimization.best_of_n_form(a[m], **o),
        lambda a, b, c, **o: slow.best_of_n_form(a, **o),
        FORMS,
    ),
    overoptimization.rl_form: Case(
        lambda a, b, c, m, **o: overoptimization.rl_form(a[m], **o), lambda a, b, c, **o: slow.rl_form(a, **o), FORMS
    ),
    ensemble.worst_score: Case(row_by_row(lambda a, b: ensemble.worst_score(a.T)), lambda a, b, c: slow.worst_score(a)),
    ensemble.mean_minus_spread: Case(
        row_by_row(lambda a, b, **o: ensemble.mean_minus_spread(a.T, **o)),
        lambda a, b, c, **o: slow.mean_minus_spread(a, **o),
        {"spread_coef": [0, 0.5, 1]},
    ),
}
POOLED = {
    masking.masked_mean,
    advantages.whiten,
    ppo.explained_variance,
    policy_gradient.reinforce_advantages,
    policy_gradient.rloo_advantages,
    policy_gradient.grpo_advantages,
    policy_gradient.reinforce_loss,
    policy_gradient.grpo_loss,
    policy_gradient.dr_grpo_loss,
    ppo.policy_loss,
    ppo.value_loss,
    ppo.clip_fraction,
    ppo.approx_kl,
    preferences.bradley_terry_loss,
    preferences.dpo_loss,
    preferences.pair_accuracy,
    preferences.gain_and_bias,
}
WITHOUT_A_BATCH = {
    masking.less_first,  # these two: test_masking.py
    masking.response_mask,
    kl.adaptive_kl_coef,  # test_the_kl_coefficient_is_exact_at_every_size
    optimum.optimal_policy,  # these three: test_optimum.py
    optimum.penalised_reward,
    optimum.estimated_frontier,
    # test_best_of_n.py and test_overoptimization.py
    best_of_n.best_of_n_kl,
    overoptimization.best_of_n_peak,
    overoptimization.rl_peak,
    overoptimization.fit_best_of_n_form,
    overoptimization.fit_rl_form,
    # test_verified.py
    verified.pass_at_k,
    verified.mixed_share,
    verified.best_pass_rate,
    verified.least_kl,
}


def first_real(rows, mask):
    return rows.gather(1, mask.int().argmax(dim=1, keepdim=True))[:, 0]


def draw(seed, shape, numbers):
    """Extreme numbers, all different, of two kinds or one number again and again."""
    chance = random.Random(seed)
    few = chance.choices(numbers, k=chance.choice([1, 2, 9]))
    return torch.tensor([chance.choices(few, k=shape[1]) for _ in range(shape[0])], dtype=torch.float32)


def padded(lengths, *, left=False, more=0):
    """The mask of rows of these lengths, with padding on one side."""
    mask = torch.arange(max(lengths) + more) < torch.tensor(lengths).unsqueeze(1)
    return mask.flip(1) if left else mask


def digits(rows, mask):
    return [[Decimal(number) for number in row[real].tolist()] for row, real in zip(rows, mask, strict=True)]


def assert_exact(result, exact, size):
    if exact.is_nan():
        assert math.isnan(result)
    elif abs(exact) > slow.LARGEST:
        assert result == math.copysign(math.inf, exact)
    else:
        assert abs(Decimal(result) - exact) <= Decimal("4e-6") * size + Decimal("1e-37"), (result, float(exact))


def test_every_public_function_has_its_case():
    modules = [
        importlib.import_module(f"{equations.__name__}.{module.name}")
        for module in pkgutil.iter_modules(equations.__path__)
    ]
    public = {
        function
        for module in modules
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    }
    assert public == CASES.keys() | WITHOUT_A_BATCH


def options_of(case, data):
    return {name: data.draw(st.sampled_from(values), label=name) for name, values in case.options.items()}


@pytest.mark.parametrize("function", CASES, ids=lambda function: function.__name__)
@given(st.data(), seeds, st.lists(st.integers(1, 5), min_size=1, max_size=3), st.booleans(), st.integers(0, 1))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_extreme_numbers_give_the_exact_result_or_the_documented_one(function, data, seed, lengths, left, more):
    case, mask = CASES[function], padded(lengths, left=left, more=more)
    options = options_of(case, data)
    rows = [draw(seed + i, mask.shape, numbers) for i, numbers in enumerate([case.first, NUMBERS, NUMBERS])]
    results = case.call(*rows, mask, **options).flatten().tolist()
    with localcontext(slow.DIGITS):
        exact = case.exact(*(digits(column, mask) for column in rows), **options)
        for result, (value, size) in zip(results, exact, strict=True):
            assert_exact(result, value, size)


@pytest.mark.parametrize("function", CASES, ids=lambda function: function.__name__)
@given(st.data(), seeds, st.lists(st.integers(1, 5), min_size=3, max_size=4), st.booleans())
@settings(max_examples=30, deadline=None, derandomize=True)
def test_rows_in_another_order_or_alone_give_the_same(function, data, seed, lengths, left):
    case, mask = CASES[function], padded(lengths, left=left)
    options = options_of(case, data)
    rows = [draw(seed + i, mask.shape, ORDINARY) for i in range(3)]

    def by_row(order):
        results = case.call(*(column[order] for column in (*rows, mask)), **options).flatten()
        whole = {sum(lengths[i] for i in order): [lengths[i] for i in order], len(order): [1] * len(order)}
        return results.split(whole.get(len(results), len(results) or 1))

    order = random.Random(seed).sample(range(len(lengths)), len(lengths))
    result, shuffled = by_row(range(len(lengths))), by_row(order)
    expected = result if len(result) < len(lengths) else [result[i] for i in order]
    close = {"rtol": 1e-5, "atol": 1e-6, "equal_nan": True}
    torch.testing.assert_close(list(shuffled), list(expected), **close)
    if function not in POOLED:
        torch.testing.assert_close([by_row([i])[0] for i in range(len(lengths))], list(result), **close)


@given(
    st.sampled_from([0.0, 1e-30, 0.15, 1e30]),
    st.sampled_from([-1e300, -3.0, 0.0, 1e-30, 5.4, 6.0, 6.6, 1e30, 1e308]),
    st.sampled_from([1e-308, 1e-30, 6.0, 1e30, math.inf]),
    st.sampled_from([0.5, 1.0, 1e4, 1e30, math.inf]),
    st.sampled_from([1, 2, 512, 10**9]),
)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_the_kl_coefficient_is_exact_at_every_size(kl_coef, measured, target, horizon, batch_size):
    result = kl.adaptive_kl_coef(kl_coef, measured, target=target, horizon=horizon, batch_size=batch_size)
    with localcontext(slow.DIGITS):
        measured, target = Decimal(measured), Decimal(target)
        # A fifth at most; in between, the share by which the measured KL misses its target.
        high, low = measured * 5 >= target * 6, measured * 5 <= target * 4
        error = Decimal("0.2") if high else Decimal("-0.2") if low else (measured - target) / target
        step = Decimal(batch_size) / Decimal(horizon) * error
        # a Python float, which does not overflow where float32 would
        assert abs(Decimal(result) - Decimal(kl_coef) * (1 + step)) <= Decimal("4e-6") * Decimal(kl_coef) * (
            1 + abs(step)
        )
