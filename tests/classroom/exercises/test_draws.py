"""The random inputs of the checks: all sizes, both signs, near and far, and always the same."""

import pytest
import torch
from torch import Tensor

from course_lib.classroom.exercises.check import EXERCISES
from course_lib.classroom.exercises.draws import drawn, size

BATCHED = ["clipped_objective", "policy_loss", "value_loss", "td_residuals", "gae", "kl_shaped_rewards", "k3"]
MASKED = ["policy_loss", "value_loss", "td_residuals", "gae", "kl_shaped_rewards"]


def tensors(name, part):
    return [inputs[part] for inputs in drawn(EXERCISES[name].draw)]


@pytest.mark.parametrize("name", EXERCISES)
def test_each_exercise_tries_more_than_a_hundred_inputs_from_the_smallest_up(name):
    inputs = drawn(EXERCISES[name].draw)
    assert len(inputs) > 100
    sizes = [size(each)[0] for each in inputs]
    assert sizes == sorted(sizes)
    assert all(list(each) == list(EXERCISES[name].probes[0]) for each in inputs), "named and ordered as the probes"


@pytest.mark.parametrize("name", BATCHED)
def test_rows_have_one_to_nine_tokens_and_batches_one_to_four_rows(name):
    shapes = {tuple(max(inputs.values(), key=is_batch).shape) for inputs in drawn(EXERCISES[name].draw)}
    assert shapes == {(rows, tokens) for rows in (1, 2, 3, 4) for tokens in range(1, 10)}


def is_batch(value):
    return value.ndim if isinstance(value, Tensor) else -1


@pytest.mark.parametrize(
    ("name", "part"), [("clipped_objective", "advantages"), ("gae", "rewards"), ("k2", "logprobs")]
)
def test_near_and_far_numbers_stand_in_one_row(name, part):
    rows = [row.abs() for values in tensors(name, part) for row in values]
    assert any(row.max() > 20 and row.min() < 2 for row in rows)
    assert any(row.max() <= 3 for row in rows if len(row) > 3)


def test_rewards_have_both_signs_and_log_probabilities_do_not():
    rewards = torch.cat([values.flatten() for values in tensors("gae", "rewards")])
    logprobs = torch.cat([values.flatten() for values in tensors("policy_loss", "logprobs")])
    assert (rewards > 20).any()
    assert (rewards < -20).any()
    assert logprobs.max() == 0
    assert logprobs.min() < -25


@pytest.mark.parametrize("name", MASKED)
def test_masks_begin_with_a_real_token_and_some_end_early(name):
    rows = [row for mask in tensors(name, "response_mask") for row in mask.tolist()]
    assert all(row[0] and row == sorted(row, reverse=True) for row in rows)
    assert any(not row[-1] for row in rows)
    assert any(len(row) == 9 and row[-1] for row in rows)


@pytest.mark.parametrize("name", ["clipped_objective", "policy_loss", "value_loss"])
def test_nothing_lies_on_the_edge_of_a_band_where_right_answers_have_other_gradients(name):
    for inputs in drawn(EXERCISES[name].draw):
        if name == "value_loss":
            moved = (inputs["values"] - inputs["old_values"]).abs() - inputs["clip_eps"]
        elif name == "policy_loss":
            moved = ((inputs["logprobs"] - inputs["old_logprobs"]).exp() - 1).abs() - inputs["clip_eps"]
        else:
            moved = (inputs["ratio"] - 1).abs() - inputs["clip_eps"]
        assert moved.abs().min() > 1e-3


def test_the_same_inputs_come_every_time():
    draw = EXERCISES["gae"].draw
    first, again = drawn.__wrapped__(draw), drawn.__wrapped__(draw)
    assert all(torch.equal(a["rewards"], b["rewards"]) for a, b in zip(first, again, strict=True))
    other = drawn.__wrapped__(draw, seed=1)
    assert not all(torch.equal(a["rewards"], b["rewards"]) for a, b in zip(first, other, strict=True))
