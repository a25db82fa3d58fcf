import math

import pytest
import torch

from course_lib.equations.ppo import value_loss

# Columns: toward the return and past the clip, from below and from above; away from it past the clip; inside the clip.
OLD_VALUES = torch.tensor([[1.0, 1.0, 1.0, 1.0]])
NEW_VALUES = torch.tensor([[1.5, 0.5, 1.5, 1.1]])
RETURNS = torch.tensor([[3.0, -1.0, 0.0, 3.0]])
REAL = torch.ones(1, 4, dtype=torch.bool)


def pad(row, padding):
    """One padding on the left, two on the right."""
    return torch.nn.functional.pad(row, (1, 2), value=padding)


def test_value_loss_takes_the_worse_of_clipped_and_unclipped():
    values = NEW_VALUES.clone().requires_grad_()
    loss = value_loss(values, OLD_VALUES, RETURNS, REAL)
    loss.backward()
    # Clipped values 1.2, 0.8, 1.2, 1.1: max(2.25, 3.24), max(2.25, 3.24), max(2.25, 1.44), 3.61; sum 12.34, / 8
    assert loss.item() == pytest.approx(1.5425, abs=1e-6)
    # 0, 0, (1.5 - 0) / 4, (1.1 - 3) / 4
    torch.testing.assert_close(values.grad, torch.tensor([[0.0, 0.0, 0.375, -0.475]]))


def test_value_loss_with_another_clip():
    # Clipped at 0.4: 1.4, 0.6, 1.4, 1.1: 1.6^2 = 2.56, 2.56, 2.25, 3.61; sum 10.98, / 8
    loss = value_loss(NEW_VALUES, OLD_VALUES, RETURNS, REAL, clip_eps=0.4)
    assert loss.item() == pytest.approx(1.3725, abs=1e-6)


def test_value_loss_without_clip_is_half_the_squared_error():
    values = NEW_VALUES.clone().requires_grad_()
    loss = value_loss(values, OLD_VALUES, RETURNS, REAL, clip_eps=None)
    loss.backward()
    # (2.25 + 2.25 + 2.25 + 3.61) / 8
    assert loss.item() == pytest.approx(1.295, abs=1e-6)
    torch.testing.assert_close(values.grad, torch.tensor([[-0.375, 0.375, 0.375, -0.475]]))


def test_value_loss_at_the_first_step_has_the_full_gradient():
    values = OLD_VALUES.clone().requires_grad_()
    value_loss(values, OLD_VALUES, RETURNS, REAL).backward()
    assert values.grad.tolist() == [[-0.5, 0.5, 0.25, -0.5]]


def test_value_loss_sends_gradient_to_values_alone():
    values, old_values, returns = (row.clone().requires_grad_() for row in (NEW_VALUES, OLD_VALUES, RETURNS))
    value_loss(values, old_values, returns, REAL).backward()
    assert values.grad is not None
    assert old_values.grad is None
    assert returns.grad is None


@pytest.mark.parametrize("padding", [1e6, -1e30, math.inf, -math.inf, math.nan])
def test_value_loss_and_its_gradient_ignore_padding(padding):
    values = pad(NEW_VALUES, padding).requires_grad_()
    loss = value_loss(values, pad(OLD_VALUES, -padding), pad(RETURNS, padding), pad(REAL, False))
    loss.backward()
    assert loss.item() == pytest.approx(1.5425, abs=1e-6)
    torch.testing.assert_close(values.grad, torch.tensor([[0.0, 0.0, 0.0, 0.375, -0.475, 0.0, 0.0]]))


def test_value_loss_with_a_clip_of_zero():
    # Clipped values are the old ones: max(2.25, 4), max(2.25, 4), max(2.25, 1), max(3.61, 4); sum 14.25, / 8
    assert value_loss(NEW_VALUES, OLD_VALUES, RETURNS, REAL, clip_eps=0).item() == pytest.approx(1.78125, abs=1e-6)


@pytest.mark.parametrize("clip_eps", [-0.1, math.nan])
def test_value_loss_refuses_a_negative_clip(clip_eps):
    with pytest.raises(ValueError, match="expected clip_eps of at least 0 or None, got"):
        value_loss(NEW_VALUES, OLD_VALUES, RETURNS, REAL, clip_eps=clip_eps)


def test_value_loss_refuses_a_batch_without_a_real_token():
    with pytest.raises(ValueError, match="at least one True, got 4 False"):
        value_loss(NEW_VALUES, OLD_VALUES, RETURNS, ~REAL)
