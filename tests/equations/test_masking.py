import inspect
import math

import pytest
import torch

from course_lib.equations.advantages import whiten
from course_lib.equations.masking import less_first, masked_mean, real_values, response_mask

PADDINGS = [0.0, 1e6, -1e30, math.inf, math.nan]


def test_real_values_reads_row_by_row():
    values = torch.tensor([[1.0, 2.0, 9.0], [9.0, 3.0, 9.0]])
    mask = torch.tensor([[True, True, False], [False, True, False]])
    assert real_values(values, mask).tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("padding", PADDINGS)
def test_masked_mean_weighs_real_tokens_equally_whatever_the_padding(padding):
    values = torch.tensor([[1.0, 2.0, 6.0], [7.0, padding, padding]])
    mask = torch.tensor([[True, True, True], [True, False, False]])
    # (1 + 2 + 6 + 7) / 4 = 4; the mean of the row means would be (3 + 7) / 2 = 5.
    assert masked_mean(values, mask).item() == 4.0


@pytest.mark.parametrize("padding", PADDINGS)
def test_masked_mean_sends_no_gradient_to_padding(padding):
    values = torch.tensor([[1.0, 2.0, padding, padding]], requires_grad=True)
    masked_mean(values, torch.tensor([[True, True, False, False]])).backward()
    assert values.grad.tolist() == [[0.5, 0.5, 0.0, 0.0]]


@pytest.mark.parametrize("function", [masked_mean, real_values, whiten])
def test_a_mask_without_a_real_token_is_refused(function):
    with pytest.raises(ValueError, match="at least one True, got 4 False"):
        function(torch.ones(1, 4), torch.zeros(1, 4, dtype=torch.bool))


@pytest.mark.parametrize(
    ("mask", "got"),
    [
        (torch.tensor([[1, 0]]), r"torch.int64 of shape \(1, 2\)"),
        (torch.tensor([True]), r"torch.bool of shape \(1,\)"),
    ],
)
def test_a_mask_of_another_kind_or_shape_is_refused_where_nobody_checks_annotations(mask, got):
    with pytest.raises(ValueError, match=r"expected a bool mask of shape \(1, 2\), got " + got):
        inspect.unwrap(real_values)(torch.ones(1, 2), mask)


@pytest.mark.parametrize("padding", PADDINGS)
def test_whiten_ignores_five_paddings(padding):
    values = torch.tensor([[1.0, 2.0, 3.0] + 5 * [padding]])
    mask = torch.tensor([3 * [True] + 5 * [False]])
    # mean 2, population variance (1 + 0 + 1) / 3, so 1 becomes -1 / sqrt(2 / 3) = -1.22474.
    expected = torch.tensor([[-1.22474, 0.0, 1.22474, 0.0, 0.0, 0.0, 0.0, 0.0]])
    torch.testing.assert_close(whiten(values, mask), expected, atol=1e-5, rtol=0)


def test_whiten_without_shift_keeps_the_mean_and_scales_the_rest():
    values = torch.tensor([[9.0, 1.0, 2.0], [6.0, 9.0, 9.0]])
    mask = torch.tensor([[False, True, True], [True, False, False]])
    # mean 3, sd sqrt((4 + 1 + 9) / 3) = 2.16025: 3 - 2 / sd, 3 - 1 / sd, 3 + 3 / sd; padding stays 0, not the mean.
    expected = torch.tensor([[0.0, 2.07418, 2.53709], [4.38873, 0.0, 0.0]])
    torch.testing.assert_close(whiten(values, mask, shift_mean=False), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("eps", "expected"), [({}, 0.707107), ({"eps": 3e-8}, 0.5), ({"eps": 0.0}, 1.0)])
def test_whiten_adds_eps_to_the_variance(eps, expected):
    # Deviations 1e-4, variance 1e-8: 1e-4 / sqrt(1e-8 + 1e-8) = 0.707107, 1e-4 / sqrt(4e-8) = 0.5.
    whitened = whiten(torch.tensor([0.0, 2e-4]), torch.tensor([True, True]), **eps)
    torch.testing.assert_close(whitened, torch.tensor([-expected, expected]), atol=1e-5, rtol=0)


def test_whiten_turns_a_single_value_into_zero():
    assert whiten(torch.tensor([[5.0, 1e6]]), torch.tensor([[True, False]])).tolist() == [[0.0, 0.0]]


def test_whiten_sends_no_gradient_to_padding():
    values = torch.tensor([[1.0, 2.0, 4.0, math.nan]], requires_grad=True)
    mask = torch.tensor([[True, True, True, False]])
    whiten(values, mask)[0, 2].backward()
    # y3 = (x3 - m) / s: dy3/dx_j = ([j = 3] - 1/3) / s - (x3 - m)(x_j - m) / (3 s^3), m = 7/3, s^2 = 14/9:
    # j = 1: -0.26726 + 0.38180, j = 2: -0.26726 + 0.09545, j = 3: 0.53452 - 0.47725.
    expected = torch.tensor([[0.11454, -0.17181, 0.05727, 0.0]])
    torch.testing.assert_close(values.grad, expected, atol=1e-4, rtol=0)


def test_whiten_leaves_its_argument_alone():
    values = torch.tensor([[1.0, 2.0, 7.0]])
    whiten(values, torch.tensor([[True, True, False]]))
    assert values.tolist() == [[1.0, 2.0, 7.0]]


def test_less_the_first_equal_values_are_exactly_zero_in_every_row():
    rows = torch.tensor([[0.1, 0.1, 0.1], [3.0, 5.0, 2.0]])
    assert less_first(rows).tolist() == [[0.0, 0.0, 0.0], [0.0, 2.0, -1.0]]
    assert less_first(rows[1]).tolist() == [0.0, 2.0, -1.0]


def test_where_padding_is_eos_the_first_eos_is_real_and_no_later_one():
    ids = torch.tensor([[7, 5, 2, 2], [2, 2, 2, 2], [7, 2, 5, 9], [7, 5, 9, 4]])
    expected = [[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1]]
    assert response_mask(ids, eos_id=2).int().tolist() == expected
    assert response_mask(ids, eos_id=2).dtype == torch.bool
