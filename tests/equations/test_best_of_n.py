import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.equations.best_of_n import best_of_n_distribution, best_of_n_kl, expected_best_of_n

THREE = torch.tensor([0.5, 0.3, 0.2])


def kl_of(distribution, reference):
    seen = distribution > 0
    return (distribution[seen] * (distribution[seen] / reference[seen]).log()).sum().item()


@pytest.mark.parametrize(
    ("n", "expected"),
    # log 2 - 1/2, log 4 - 3/4, log 16 - 15/16 and log 60,000 - 1, as in Gao et al. 2022
    [(1, 0.0), (2, 0.193147), (4, 0.636294), (16, 1.835089), (60_000, 10.002116)],
)
def test_kl_of_best_of_n(n, expected):
    assert best_of_n_kl(n) == pytest.approx(expected, abs=2e-6)


def test_the_best_of_two_out_of_three_texts():
    # 0.5^2, 0.8^2 - 0.5^2 and 1 - 0.8^2, whatever the order in the tensor
    expected = torch.tensor([0.25, 0.39, 0.36])
    torch.testing.assert_close(best_of_n_distribution(THREE, torch.tensor([-1.0, 0.0, 7.0]), n=2), expected)
    shuffled = best_of_n_distribution(THREE[[2, 0, 1]], torch.tensor([7.0, -1.0, 0.0]), n=2)
    torch.testing.assert_close(shuffled, expected[[2, 0, 1]])


def test_texts_with_equal_scores_share_what_they_win():
    # together 1 - 0.5^2 = 0.75, in the proportion 3 : 2
    result = best_of_n_distribution(THREE, torch.tensor([0.0, 1.0, 1.0]), n=2)
    torch.testing.assert_close(result, torch.tensor([0.25, 0.45, 0.30]))


def test_equal_scores_change_nothing_and_an_impossible_text_stays_impossible():
    torch.testing.assert_close(best_of_n_distribution(THREE, torch.zeros(3), n=9), THREE)
    result = best_of_n_distribution(torch.tensor([0.0, 1.0, 0.0]), torch.tensor([0.0, 1.0, 2.0]), n=3)
    assert result.tolist() == [0.0, 1.0, 0.0]


def test_a_rare_text_keeps_its_digits():
    # The best text is n times as likely, while n times its probability is small: F^n - (F - f)^n would give 0.
    result = best_of_n_distribution(torch.tensor([1.0, 1e-20]), torch.tensor([0.0, 1.0]), n=256)
    assert result[1].item() == pytest.approx(2.56e-18, rel=1e-5, abs=0)


def test_two_equal_texts_stay_below_the_bound_and_many_texts_meet_it():
    two = torch.full((2,), 0.5, dtype=torch.float64)
    best = best_of_n_distribution(two, torch.arange(2.0), n=4)
    # the worse text is left in 1 case of 16: log 2 - H(1/16) = 0.693147 - 0.233792
    assert kl_of(best, two) == pytest.approx(0.459355, abs=1e-6)
    many = torch.full((10_000,), 1e-4, dtype=torch.float64)
    assert kl_of(best_of_n_distribution(many, torch.arange(1e4), n=4), many) == pytest.approx(0.636294, abs=1e-4)


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 5), st.sampled_from([1, 2, 3, 10, 1000]))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_the_best_of_n_is_a_distribution_and_its_kl_never_exceeds_the_bound(seed, texts, levels, n):
    generator = torch.Generator().manual_seed(seed)
    probabilities = (3 * torch.randn(texts, generator=generator, dtype=torch.float64)).softmax(0)
    scores = torch.randint(levels, (texts,), generator=generator).double()
    best = best_of_n_distribution(probabilities, scores, n=n)
    assert best.sum().item() == pytest.approx(1.0, abs=1e-12)
    assert -1e-12 <= kl_of(best, probabilities) <= math.log(n) - (n - 1) / n + 1e-12


def test_the_expected_best_of_two_out_of_four_samples():
    scores = torch.tensor([[1.0, 3.0, 2.0, 4.0]])
    # the six pairs have best scores 3, 2, 4, 3, 4 and 4
    assert expected_best_of_n(scores, scores, n=2).item() == pytest.approx(20 / 6)
    # and another judge gives the same six texts 30, 20, 0, 30, 0 and 0
    assert expected_best_of_n(scores, torch.tensor([[10.0, 30, 20, 0]]), n=2).item() == pytest.approx(80 / 6)


def test_one_sample_is_the_mean_and_all_samples_are_the_best():
    scores = torch.tensor([[1.0, 5.0, 3.0], [0.0, -1.0, 4.0]])
    assert expected_best_of_n(scores, scores, n=1).tolist() == [3.0, 1.0]
    assert expected_best_of_n(scores, 2 * scores, n=3).tolist() == [10.0, 8.0]


def test_samples_that_tie_are_kept_equally_often():
    scores, values = torch.tensor([[1.0, 1.0, 0.0, 5.0]]), torch.tensor([[10.0, 20.0, 0.0, 40.0]])
    # the six pairs: 15 for the tie, 10 and 20 against the third, 40 three times
    assert expected_best_of_n(scores, values, n=2).item() == pytest.approx(165 / 6)


def test_large_numbers_of_samples_are_no_trouble():
    scores = torch.arange(1.0, 5001.0)[None]
    # the highest of n out of 1 ... N is on average n (N + 1) / (n + 1)
    assert expected_best_of_n(scores, scores, n=2500).item() == pytest.approx(2500 * 5001 / 2501, rel=1e-6)
    assert expected_best_of_n(scores, scores, n=5000).item() == 5000.0


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: best_of_n_kl(0), "n of 1 or more, got 0"),
        (lambda: best_of_n_distribution(THREE, THREE, n=0), "n of 1 or more, got 0"),
        (lambda: best_of_n_distribution(2 * THREE, THREE, n=2), "add up to 1, got 2"),
        (lambda: expected_best_of_n(THREE[None], THREE[None], n=4), "from 1 to the number of samples, 3, got 4"),
        (lambda: expected_best_of_n(THREE[None], THREE[None], n=0), "from 1 to the number of samples, 3, got 0"),
    ],
)
def test_what_cannot_be_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()
