import math

import pytest
import torch

from course_lib.equations.logprobs import entropy, text_logprobs, token_logprobs


def logits_of(*weights):
    """One position whose unnormalised probabilities are the weights."""
    return torch.tensor([[list(weights)]]).log()


def test_logprobs_pick_each_position_its_own_token():
    logits = torch.tensor([[[2.0, 1.0, 1.0], [1.0, 2.0, 1.0]], [[1.0, 1.0, 6.0], [1.0, 1.0, 6.0]]]).log()
    token_ids = torch.tensor([[0, 2], [2, 1]])
    # 2/4, 1/4; 6/8, 1/8
    expected = torch.tensor([[-0.693147, -1.386294], [-0.287682, -2.079442]])
    torch.testing.assert_close(token_logprobs(logits, token_ids), expected)


@pytest.mark.parametrize(
    ("temperature", "weights", "expected"),
    [
        (0.5, (2.0, 1.0), -0.223144),  # 2^2 : 1^2, log 4/5
        (2, (4.0, 1.0), -0.405465),  # 4^(1/2) : 1, log 2/3
    ],
)
def test_temperature_divides_the_logits(temperature, weights, expected):
    logprobs = token_logprobs(logits_of(*weights), torch.tensor([[0]]), temperature=temperature)
    assert logprobs.item() == pytest.approx(expected, abs=1e-5)


def test_large_logits_lose_nothing():
    near, far = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[10001.0, 10000.0]]])
    token_ids = torch.tensor([[1]])
    # -log(1 + e) = -1.313262
    assert token_logprobs(near, token_ids).item() == pytest.approx(-1.313262, abs=1e-6)
    assert token_logprobs(far, token_ids).item() == pytest.approx(-1.313262, abs=1e-6)
    assert token_logprobs(torch.tensor([[[0.0, -1000.0]]]), token_ids).item() == -1000.0


def test_a_certain_bigram_model_gives_its_next_token_zero_and_the_unshifted_one_minus_infinity():
    token_ids = torch.tensor([[3, 0, 1, 2, 3, 0]])
    next_ids = (token_ids + 1) % 4
    logits = torch.full((1, 6, 4), -math.inf).scatter(-1, next_ids.unsqueeze(-1), 0.0)
    assert token_logprobs(logits[:, :-1], token_ids[:, 1:]).tolist() == [[0.0] * 5]
    assert token_logprobs(logits, token_ids).tolist() == [[-math.inf] * 6]


def test_gradient_is_one_hot_minus_softmax_over_temperature():
    logits = logits_of(2.0, 1.0, 1.0).requires_grad_()
    token_logprobs(logits, torch.tensor([[0]])).sum().backward()
    torch.testing.assert_close(logits.grad, torch.tensor([[[0.5, -0.25, -0.25]]]))

    logits = logits_of(2.0, 1.0).requires_grad_()
    token_logprobs(logits, torch.tensor([[0]]), temperature=0.5).sum().backward()
    # Probabilities 4/5 and 1/5: (1 - 0.8) / 0.5 and -0.2 / 0.5.
    torch.testing.assert_close(logits.grad, torch.tensor([[[0.4, -0.4]]]))


def test_int32_token_ids_are_read_too():
    assert token_logprobs(logits_of(1.0, 1.0), torch.tensor([[1]], dtype=torch.int32)).item() == pytest.approx(
        -0.693147
    )


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ((1.0, 1.0, 1.0, 1.0), 1.386294),  # log 4
        ((2.0, 1.0, 1.0), 1.039721),  # 0.5 log 2 + 2 * 0.25 log 4 = 1.5 log 2
        ((1.0, 1.0, 0.0), 0.693147),  # a token ruled out adds nothing: log 2
        ((5.0, 0.0), 0.0),
    ],
)
def test_entropy_in_nats(weights, expected):
    assert entropy(logits_of(*weights)).item() == pytest.approx(expected, abs=1e-6)


def test_entropy_at_a_temperature():
    # 2^2 : 1^2 gives 0.8 and 0.2: 0.8 * 0.223144 + 0.2 * 1.609438 = 0.500402.
    assert entropy(logits_of(2.0, 1.0), temperature=0.5).item() == pytest.approx(0.500402, abs=1e-6)


def test_entropy_gradient_passes_by_a_token_that_is_ruled_out():
    logits = logits_of(3.0, 1.0, 0.0).requires_grad_()
    entropy(logits).sum().backward()
    # -p (log p + H), H = 0.562335: -0.75 (-0.287682 + 0.562335) and -0.25 (-1.386294 + 0.562335).
    torch.testing.assert_close(logits.grad, torch.tensor([[[-0.205990, 0.205990, 0.0]]]), atol=1e-5, rtol=0)


def test_entropy_speaks_for_each_position():
    logits = torch.tensor([[[1.0, 1.0], [1.0, 0.0]], [[0.0, 1.0], [1.0, 1.0]]]).log()
    torch.testing.assert_close(entropy(logits), torch.tensor([[0.693147, 0.0], [0.0, 0.693147]]))


@pytest.mark.parametrize("temperature", [0, 0.0, -1.0, math.nan])
def test_a_temperature_that_is_not_positive_is_refused(temperature):
    with pytest.raises(ValueError, match="temperature above 0, got"):
        token_logprobs(torch.zeros(1, 1, 2), torch.tensor([[0]]), temperature=temperature)
    with pytest.raises(ValueError, match="temperature above 0, got"):
        entropy(torch.zeros(1, 1, 2), temperature=temperature)


def test_a_text_is_as_likely_as_its_real_tokens_together():
    logprobs = torch.tensor([[-1.0, -0.5, 7.0], [-2.0, -3.0, -4.0]])
    mask = torch.tensor([[True, True, False], [True, True, True]])
    assert text_logprobs(logprobs, mask).tolist() == [-1.5, -9.0]
