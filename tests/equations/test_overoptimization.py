import math

import pytest
import torch

from course_lib.equations.ensemble import mean_minus_spread, worst_score
from course_lib.equations.overoptimization import (
    best_of_n_form,
    best_of_n_peak,
    fit_best_of_n_form,
    fit_rl_form,
    rl_form,
    rl_peak,
)

KL = torch.tensor([0.0, 1.0, 4.0, 9.0, 16.0], dtype=torch.float64)  # d = 0, 1, 2, 3, 4


def test_best_of_n_rises_and_falls_symmetrically():
    # 2 d - d^2 / 2
    assert best_of_n_form(KL, alpha=2.0, beta=0.5).tolist() == [0.0, 1.5, 2.0, 1.5, 0.0]
    assert best_of_n_peak(2.0, 0.5) == 2.0


def test_rl_rises_fast_and_falls_slowly():
    # 2 d - d log d: 4 - 2 * 0.693147, 6 - 3 * 1.098612, 8 - 4 * 1.386294
    expected = torch.tensor([0.0, 2.0, 2.613706, 2.704163, 2.454823], dtype=torch.float64)
    torch.testing.assert_close(rl_form(KL, alpha=2.0, beta=1.0), expected, atol=1e-6, rtol=0)
    assert rl_peak(2.0, 1.0) == pytest.approx(2.718282, abs=1e-6)
    assert rl_peak(0.5, 0.5) == 1.0


@pytest.mark.parametrize(("form", "peak"), [(best_of_n_form, best_of_n_peak(3.0, 0.7)), (rl_form, rl_peak(3.0, 0.7))])
def test_no_point_beside_the_peak_is_higher(form, peak):
    heights = form(torch.tensor([0.99, 1.0, 1.01], dtype=torch.float64) ** 2 * peak**2, alpha=3.0, beta=0.7)
    assert heights.argmax() == 1


def test_a_proxy_that_never_fails_has_its_peak_at_infinity_and_one_that_only_harms_at_the_start():
    assert best_of_n_peak(1.0, 0.0) == best_of_n_peak(1.0, -0.1) == rl_peak(1.0, 0.0) == rl_peak(1.0, -1.0) == math.inf
    assert best_of_n_peak(-1.0, 0.5) == best_of_n_peak(-1.0, 0.0) == 0.0
    assert rl_peak(-1.0, 0.5) == pytest.approx(0.049787, abs=1e-6)  # exp(-3)
    assert rl_peak(1e4, 1.0) == math.inf  # exp overflows


@pytest.mark.parametrize("fit", [fit_best_of_n_form, fit_rl_form])
def test_a_fit_needs_two_points_that_say_something(fit):
    for kl, rewards in [
        ([0.0, 1.0], [0.0, 1.0]),
        ([2.0, 2.0], [1.0, 1.1]),
        ([], []),
        ([1.0, -1.0, 2.0], [0.0, 1.0, 2.0]),
        ([1.0, 2.0], [0.0, math.nan]),
        ([1.0, math.inf], [0.0, 1.0]),
    ]:
        with pytest.raises(ValueError, match="expected finite rewards at finite kl of 0 or more"):
            fit(torch.tensor(kl), torch.tensor(rewards))


def test_points_on_a_curve_give_the_curve_back():
    on_parabola = torch.tensor([0.0, 1.5, 2.0, 1.5, 0.0])
    assert fit_best_of_n_form(KL.float(), on_parabola) == pytest.approx((2.0, 0.5), abs=1e-6)
    on_rl_curve = torch.tensor([0.0, 2.0, 2.613706, 2.704163, 2.454823])
    assert fit_rl_form(KL.float(), on_rl_curve) == pytest.approx((2.0, 1.0), abs=1e-5)


def test_a_fit_is_that_of_least_squares():
    # At d = 1 the columns are (1, 0): alpha is the mean of its rewards. At d = e they are (e, -e): 1 - 2/e = 0.264241
    kl = torch.tensor([1.0, 1.0, math.e**2], dtype=torch.float64)
    assert fit_rl_form(kl, torch.tensor([0.5, 1.5, 2.0])) == pytest.approx((1.0, 0.264241), abs=1e-6)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_a_fit_follows_the_unit_of_the_rewards(scale):
    alpha, beta = fit_best_of_n_form(KL, scale * torch.tensor([0.0, 1.5, 2.0, 1.5, 0.0], dtype=torch.float64))
    assert (alpha / scale, beta / scale) == pytest.approx((2.0, 0.5), rel=1e-9)


def test_the_pessimists_scores():
    scores = torch.tensor([[1.0, 2.0], [3.0, 2.0], [5.0, 2.0]])  # three models, two texts
    assert worst_score(scores).tolist() == [1.0, 2.0]
    # mean 3, population sd sqrt(8/3) = 1.632993
    torch.testing.assert_close(mean_minus_spread(scores), torch.tensor([1.367007, 2.0]), atol=1e-6, rtol=0)
    torch.testing.assert_close(
        mean_minus_spread(scores, spread_coef=0.5), torch.tensor([2.183503, 2.0]), atol=1e-6, rtol=0
    )


@pytest.mark.parametrize("combine", [worst_score, mean_minus_spread])
def test_an_ensemble_has_a_model(combine):
    with pytest.raises(ValueError, match="at least one model, got 0"):
        combine(torch.ones(0, 2))
