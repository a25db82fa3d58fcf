"""Verified rewards: pass@k against every set of k, and the best pass rate against the enumerated optimum."""

import math
from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.equations.best_of_n import expected_best_of_n
from course_lib.equations.optimum import optimal_policy
from course_lib.equations.verified import best_pass_rate, least_kl, mixed_share, pass_at_k

rates = st.floats(0.001, 0.999)
few = settings(max_examples=60, deadline=None, derandomize=True)


def test_one_of_four_passes():
    # of 6 pairs out of 4 samples 3 hold the one that passes, of 4 triples 3
    one = torch.tensor([1])
    assert [pass_at_k(one, samples=4, k=k).item() for k in (1, 2, 3, 4)] == pytest.approx([0.25, 0.5, 0.75, 1])


def test_prompts_where_all_pass_or_none_does():
    assert pass_at_k(torch.tensor([0, 8]), samples=8, k=3).tolist() == [0.0, 1.0]


def test_with_fewer_failing_than_k_one_passes_for_sure():
    assert pass_at_k(torch.tensor([6]), samples=8, k=3).tolist() == [1.0]


@given(st.integers(1, 7), st.data())
@few
def test_it_is_the_share_of_all_sets_of_k_in_which_one_passes(samples, data):
    passed, k = data.draw(st.integers(0, samples)), data.draw(st.integers(1, samples))
    row = [True] * passed + [False] * (samples - passed)
    share = sum(map(any, combinations(row, k))) / math.comb(samples, k)
    assert pass_at_k(torch.tensor([passed]), samples=samples, k=k).item() == pytest.approx(share, abs=1e-12)


def test_it_is_the_expected_best_of_k_of_rewards_of_0_and_1():
    rewards = torch.tensor([[0.0, 1, 0, 0, 1, 0], [0, 0, 0, 0, 0, 1], [1, 1, 1, 1, 0, 1]])
    found = pass_at_k(rewards.sum(dim=1).long(), samples=6, k=3)
    torch.testing.assert_close(found.float(), expected_best_of_n(rewards, rewards, n=3))


def test_many_samples_are_no_trouble():
    # comb(10,000, 5,000) has 3,009 digits; half of the samples fail, so 1 - 2^-10 but for drawing without replacement
    found = pass_at_k(torch.tensor([5_000, 1]), samples=10_000, k=10)
    assert found.tolist() == pytest.approx([1 - 2**-10, 0.001], abs=2e-5)


@pytest.mark.parametrize(("passed", "samples", "k"), [([1], 4, 0), ([1], 4, 5), ([5], 4, 2), ([-1], 4, 2)])
def test_counts_that_cannot_be_are_refused(passed, samples, k):
    with pytest.raises(ValueError, match=f"to the number of samples, {samples}, got"):
        pass_at_k(torch.tensor(passed), samples=samples, k=k)


def test_how_often_a_group_is_mixed():
    # of 16 groups of four coins 2 are all alike; one pass in a thousand: nearly 4 in a thousand
    shares = mixed_share(torch.tensor([0.0, 0.5, 1.0, 0.001], dtype=torch.float64), responses=4)
    assert shares.tolist() == pytest.approx([0, 14 / 16, 0, 0.003994], abs=1e-6)


def test_the_best_pass_rate_by_hand():
    # odds of 1 to 3, times e^(log 3) = 3: 1 to 1; at half the coefficient times 9: 3 to 1
    quarter = torch.tensor(0.25)
    assert best_pass_rate(quarter, kl_coef=1 / math.log(3)).item() == pytest.approx(0.5)
    assert best_pass_rate(quarter, kl_coef=0.5 / math.log(3)).item() == pytest.approx(0.75)


def test_what_never_passes_cannot_be_found_and_what_always_does_stays():
    ends = torch.tensor([0.0, 1.0])
    assert best_pass_rate(ends, kl_coef=0.01).tolist() == [0.0, 1.0]
    assert least_kl(ends, ends).tolist() == [0.0, 0.0]
    assert least_kl(torch.tensor(0.1), torch.tensor(0.0)).item() == math.inf


@given(rates, st.floats(0.2, 5), st.integers(0, 1000))
@few
def test_it_is_what_the_enumerated_optimum_passes_at_the_least_kl(rate, kl_coef, seed):
    weights = torch.rand(10, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    passes = torch.arange(10) < 4
    reference = torch.where(passes, rate * weights / weights[:4].sum(), (1 - rate) * weights / weights[4:].sum())
    best = optimal_policy(reference, passes.double(), kl_coef=kl_coef)
    rate, reached = torch.tensor(rate, dtype=torch.float64), best[:4].sum()
    torch.testing.assert_close(best_pass_rate(rate, kl_coef=kl_coef), reached, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(least_kl(reached, rate), (best * (best / reference).log()).sum(), rtol=1e-5, atol=1e-9)


def test_no_policy_passes_as_often_at_a_lower_kl():
    generator = torch.Generator().manual_seed(0)
    reference = torch.rand(10, generator=generator).softmax(-1)
    others = (reference.log() + torch.randn(200, 10, generator=generator)).softmax(-1)
    kl = (others * (others / reference).log()).sum(dim=1)
    assert (least_kl(others[:, :3].sum(dim=1), reference[:3].sum().expand(200)) <= kl + 1e-6).all()


def test_the_references_own_passing_texts_cost_the_logarithm_of_their_rarity():
    assert least_kl(torch.tensor(1.0), torch.tensor(0.01)).item() == pytest.approx(math.log(100))


@pytest.mark.parametrize("kl_coef", [0, -1.0, math.nan])
def test_the_best_pass_rate_needs_a_coefficient(kl_coef):
    with pytest.raises(ValueError, match="expected kl_coef above 0"):
        best_pass_rate(torch.tensor(0.5), kl_coef=kl_coef)


@pytest.mark.parametrize("rate", [-0.1, 1.1, math.nan])
def test_rates_outside_of_0_and_1_are_refused(rate):
    wrong, half = torch.tensor(rate), torch.tensor(0.5)
    for call in (
        lambda: mixed_share(wrong, responses=4),
        lambda: best_pass_rate(wrong, kl_coef=1),
        lambda: least_kl(wrong, half),
        lambda: least_kl(half, wrong),
    ):
        with pytest.raises(ValueError, match=r"expected rates in \[0, 1\]"):
            call()


def test_a_group_of_one_is_refused():
    with pytest.raises(ValueError, match="at least two responses to compare, got 1"):
        mixed_share(torch.tensor(0.5), responses=1)
