import math

import pytest
import torch

from course_lib.equations.policy_gradient import (
    dr_grpo_loss,
    grpo_advantages,
    grpo_loss,
    reinforce_advantages,
    reinforce_loss,
    rloo_advantages,
)

TWO_LENGTHS = torch.tensor([[True, True], [True, False]])


def test_reinforce_compares_each_text_with_the_others_of_the_batch():
    # 1 - (2 + 6) / 2, 2 - (1 + 6) / 2, 6 - (1 + 2) / 2
    assert reinforce_advantages(torch.tensor([1.0, 2.0, 6.0])).tolist() == [-3.0, -1.5, 4.5]


def test_rloo_compares_each_text_with_the_others_to_its_prompt():
    returns = torch.tensor([[1.0, 2.0, 6.0], [10.0, 10.0, 13.0]])
    # The second prompt: 10 - 23 / 2 twice, 13 - 20 / 2
    assert rloo_advantages(returns).tolist() == [[-3.0, -1.5, 4.5], [-1.5, -1.5, 3.0]]


def test_grpo_whitens_within_each_prompt():
    scores = torch.tensor([[1.0, 1.0, 4.0, 4.0], [0.0, 0.0, 0.0, 4.0]])
    # mean 2.5 and sd 1.5; mean 1 and sd sqrt(3): -1 / 1.732051, 3 / 1.732051
    expected = torch.tensor([[-1.0, -1.0, 1.0, 1.0], [-0.577350, -0.577350, -0.577350, 1.732051]])
    torch.testing.assert_close(grpo_advantages(scores), expected, rtol=0, atol=1e-6)


def test_grpo_makes_small_differences_as_large_as_great_ones():
    scores = torch.tensor([[0.0, 100.0], [0.0, 0.01]])
    torch.testing.assert_close(grpo_advantages(scores), torch.tensor([[-1.0, 1.0], [-1.0, 1.0]]), rtol=0, atol=1e-3)


@pytest.mark.parametrize("advantages", [rloo_advantages, grpo_advantages])
def test_equal_scores_praise_and_blame_nobody(advantages):
    assert advantages(torch.full((2, 3), 0.1)).abs().max() < 1e-7


@pytest.mark.parametrize("advantages", [rloo_advantages, grpo_advantages])
def test_a_text_alone_is_refused(advantages):
    with pytest.raises(ValueError, match="expected at least two texts to compare, got 1"):
        advantages(torch.ones(3, 1))


def test_reinforce_loss_weighs_whole_texts():
    logprobs = torch.tensor([[-1.0, -2.0], [-0.5, math.nan]], requires_grad=True)
    loss = reinforce_loss(logprobs, torch.tensor([2.0, -4.0]), TWO_LENGTHS)
    # -(2 * -3 + -4 * -0.5) / 2
    assert loss.item() == 2.0
    loss.backward()
    # -A / 2 at every token of a text, however long, and nothing at padding
    assert logprobs.grad.tolist() == [[-1.0, -1.0], [2.0, 0.0]]


def test_grpo_loss_averages_over_tokens_then_over_texts():
    logprobs = torch.tensor([[-1.0, -1.0], [-2.0, 99.0]], requires_grad=True)
    ref_logprobs = torch.tensor([[-1.0, -0.306853], [-2.0, -99.0]])
    loss = grpo_loss(logprobs, logprobs.detach(), ref_logprobs, torch.tensor([2.0, -4.0]), TWO_LENGTHS, kl_coef=0.5)
    # r = 2 at the second token, k3 = 2 - 1 - 0.693147 = 0.306853: ((2 + 2 - 0.5 * 0.306853) / 2 - 4) / 2, with a minus
    assert loss.item() == pytest.approx(1.038357, abs=1e-6)
    loss.backward()
    # -A / (tokens * texts); k3 has the derivative 1 - r = -1, so the second token gains 0.5 * -1 / 4
    torch.testing.assert_close(logprobs.grad, torch.tensor([[-0.5, -0.625], [2.0, 0.0]]), rtol=0, atol=1e-6)


def test_grpo_does_not_climb_past_the_clip():
    old_logprobs, logprobs = torch.tensor([[0.0, 0.0]]), torch.tensor([[0.5, 0.1]], requires_grad=True)
    mask = torch.tensor([[True, True]])
    # The first ratio is 1.65: clipped at 1.2; the second e^0.1 = 1.105171
    loss = grpo_loss(logprobs, old_logprobs, logprobs.detach(), torch.tensor([1.0]), mask, clip_eps=0.2)
    assert loss.item() == pytest.approx(-1.152585, abs=1e-6)
    loss.backward()
    torch.testing.assert_close(logprobs.grad, torch.tensor([[0.0, -0.552585]]), rtol=0, atol=1e-6)


def test_dr_grpo_gives_every_token_the_same_weight_however_long_its_text():
    logprobs = torch.tensor([[-1.0, -1.0], [-2.0, 99.0]], requires_grad=True)
    loss = dr_grpo_loss(logprobs, logprobs.detach(), torch.tensor([2.0, -4.0]), TWO_LENGTHS, longest=5)
    # -(2 + 2 - 4) / (2 texts * 5 tokens)
    assert loss.item() == 0.0
    loss.backward()
    # -A / 10 at every token
    torch.testing.assert_close(logprobs.grad, torch.tensor([[-0.2, -0.2], [0.4, 0.0]]))


def test_dr_grpo_does_not_climb_past_the_clip():
    old_logprobs, logprobs = torch.tensor([[0.0, 0.0]]), torch.tensor([[0.5, 0.1]], requires_grad=True)
    # The first ratio is 1.65: clipped at 1.2; the second e^0.1 = 1.105171; both over 4
    loss = dr_grpo_loss(logprobs, old_logprobs, torch.tensor([1.0]), torch.tensor([[True, True]]), longest=4)
    assert loss.item() == pytest.approx(-0.576293, abs=1e-6)
    loss.backward()
    torch.testing.assert_close(logprobs.grad, torch.tensor([[0.0, -0.276293]]), rtol=0, atol=1e-6)


def test_a_response_has_room_for_a_token():
    row = torch.zeros(1, 1)
    with pytest.raises(ValueError, match="expected longest of 1 or more, got 0"):
        dr_grpo_loss(row, row, torch.ones(1), row == 0, longest=0)
