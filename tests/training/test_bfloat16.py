"""The path of a GPU that has bfloat16, on the CPU: trunks in bfloat16, heads and losses in float32."""

import copy

import pytest
import torch
from shared.tiny_models import make_tiny_lm, tiny_policy
from shared.tiny_ppo import PROMPTS, experience_of, ppo_loss, start

from course_lib.training.language_model import compute_in_bfloat16, peak_memory_gb


def mixed(**options):
    """A policy and its reference as `start` makes them, their trunks in bfloat16."""
    policy, reference, settings, records = start(**options)
    for model in (policy, reference):
        compute_in_bfloat16(model.lm.base_model, "cpu")
    return policy, reference, settings, records


def test_states_and_logits_are_float32_and_close_to_those_in_full_precision():
    exact, rounded = make_tiny_lm(), make_tiny_lm()
    compute_in_bfloat16(rounded.base_model, "cpu")
    states = rounded.base_model(input_ids=PROMPTS).last_hidden_state
    assert states.dtype == torch.float32
    difference = (rounded(input_ids=PROMPTS).logits - exact(input_ids=PROMPTS).logits).abs()
    assert rounded(input_ids=PROMPTS).logits.dtype == torch.float32
    assert 1e-5 < difference.max() < 0.3


def test_the_ratio_is_still_one_before_the_first_step_and_gradients_are_float32():
    policy, reference, settings, _ = mixed()
    _, experience = experience_of(policy, reference, settings)
    loss, record = ppo_loss(policy, experience, settings)
    loss.backward()
    assert record["ratio_max"] == pytest.approx(1, abs=1e-5)
    assert {parameter.grad.dtype for parameter in policy.parameters()} == {torch.float32}


def test_training_learns_what_is_rewarded():
    *_, records = mixed(iterations=15, batch_size=64, learning_rate=3e-3, kl_coef=0.0)
    scores = [record["score"] for record in records]
    assert scores[-1] > scores[0] + 1


def test_no_trunk_is_left_alone_and_weights_stay_float32():
    compute_in_bfloat16(None, "cpu")
    lm = make_tiny_lm()
    weights = copy.deepcopy(lm.state_dict())
    compute_in_bfloat16(lm.base_model, "cpu")
    assert lm.state_dict().keys() == weights.keys()
    assert {tensor.dtype for tensor in lm.state_dict().values()} == {torch.float32}


def test_peak_memory_is_that_of_a_python_with_torch():
    peak = peak_memory_gb(torch.device("cpu"))
    assert peak is None or 0.05 < peak < 64


def test_the_entropys_gradient_is_there_when_it_is_asked_for():
    policy = tiny_policy()
    mask = torch.ones(40, 3, dtype=torch.bool)
    policy(PROMPTS, mask).entropy.sum().backward()
    gradient = policy.lm.lm_head.weight.grad.clone()
    assert gradient.abs().max() > 0
    with torch.no_grad():
        policy.lm.lm_head.weight -= 1e-3 * gradient / gradient.norm()
        lower = policy(PROMPTS, mask).entropy.sum()
        policy.lm.lm_head.weight += 2e-3 * gradient / gradient.norm()
        higher = policy(PROMPTS, mask).entropy.sum()
    assert (higher - lower).item() == pytest.approx(2e-3 * gradient.norm().item(), rel=0.02)
