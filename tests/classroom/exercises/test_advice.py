"""What torch says to a beginner is told in other words: what to write in place of the line that stopped."""

import math

import numpy as np
import pytest
import torch

from course_lib.classroom.exercises.check import EXERCISES
from course_lib.classroom.exercises.verdict import verdict

ADVISED = []


def advised(exercise, write):
    """Collect a function that stops, and what the check must say to write."""

    def keep(function):
        ADVISED.append(pytest.param(exercise, function, write, id=function.__name__))
        return function

    return keep


@pytest.mark.parametrize(("exercise", "function", "write"), ADVISED)
def test_a_function_that_stops_is_told_what_to_write(exercise, function, write):
    first, *rows = verdict(EXERCISES[exercise], function).splitlines()
    assert first.startswith("Not yet: ")
    assert first.endswith(".")
    assert write in first
    labels = [row.split()[0] for row in rows if not row.startswith(" " * 12)]
    assert labels in (["line:", "error:", "input:"], ["error:", "input:"])  # no line of the function runs backwards


@advised("clipped_objective", "write torch.where(condition, a, b)")
def if_on_a_tensor(ratio, advantages, *, clip_eps):
    if advantages > 0:
        return torch.clamp(ratio, max=1 + clip_eps) * advantages
    return torch.clamp(ratio, min=1 - clip_eps) * advantages


@advised("clipped_objective", "write torch.minimum(a, b)")
def pythons_min(ratio, advantages, *, clip_eps):
    return min(ratio * advantages, ratio.clamp(1 - clip_eps, 1 + clip_eps) * advantages)


@advised("clipped_objective", "x.clamp(lowest, highest)")
def pythons_max(ratio, advantages, *, clip_eps):
    return torch.minimum(ratio * advantages, max(ratio, 1 - clip_eps) * advantages)


@advised("pair_accuracy", "write &, | and ~")
def pythons_and(chosen, rejected):
    return (chosen > 0 and rejected < 0).float().mean()


@advised("probability_ratio", "write torch.exp, which takes a whole tensor")
def math_exp(logprobs, old_logprobs):
    return torch.ones_like(logprobs) * math.exp(logprobs - old_logprobs)


@advised("entropy", "write torch.log, which takes a whole tensor")
def math_log(logits, *, temperature):
    p = torch.softmax(logits / temperature, dim=-1)
    return -(p * math.log(p)).sum(-1)


@advised("k1", "leave them out")
def item_of_a_tensor(logprobs, ref_logprobs):
    return torch.full_like(logprobs, (logprobs - ref_logprobs).item())


@advised("rloo_advantages", "torch.stack(list) joins tensors")
def tensor_of_tensors(returns):
    return torch.tensor([row - row.mean() for row in returns])


@advised("adaptive_kl_coef", "write min(max(x, lowest), highest)")
def clamp_of_a_number(kl_coef, kl, *, target, horizon, batch_size):
    return kl_coef * (1 + torch.clamp(kl / target - 1, -0.2, 0.2) * batch_size / horizon)


@advised("clipped_objective", "write x.clamp(max=number)")
def minimum_with_a_number(ratio, advantages, *, clip_eps):
    return torch.minimum(ratio, 1 + clip_eps) * advantages


@advised("clipped_objective", "write x.clamp(min=number)")
def max_with_a_number(ratio, advantages, *, clip_eps):
    return torch.max(ratio, 1 - clip_eps) * advantages


@advised("rl_peak", "write math.exp")
def exp_of_a_number(alpha, beta):
    return torch.exp(alpha / beta - 1)


@advised("best_of_n_kl", "write math.log")
def log_of_an_integer(n):
    return torch.log(n) - (n - 1) / n


@advised("rl_peak", "write torch.tensor(x) around it")
def sigmoid_of_a_number(alpha, beta):
    return torch.sigmoid(alpha / beta)


@advised("bradley_terry_loss", "torch.stack(list) if it holds tensors")
def mean_of_a_list(chosen, rejected):
    return torch.mean([torch.log(1 + torch.exp(r - c)) for c, r in zip(chosen, rejected, strict=True)])


@advised("bradley_terry_loss", "a list has none of a tensor's arithmetic")
def method_of_a_list(chosen, rejected):
    return [torch.log(1 + torch.exp(r - c)) for c, r in zip(chosen, rejected, strict=True)].mean()


@advised("k1", "a list has none of a tensor's arithmetic")
def difference_of_lists(logprobs, ref_logprobs):
    return logprobs.tolist() - ref_logprobs.tolist()


@advised("preference_probability", "write torch.tensor(list)")
def stack_of_numbers(chosen, rejected):
    return torch.stack([1 / (1 + math.exp(r - c)) for c, r in zip(chosen, rejected, strict=True)])


@advised("preference_probability", "write torch.stack(list)")
def cat_of_single_numbers(chosen, rejected):
    return torch.cat([torch.sigmoid(c - r) for c, r in zip(chosen, rejected, strict=True)])


@advised("probability_ratio", "torch.exp in place of np.exp")
def numpy_exp(logprobs, old_logprobs):
    return np.exp(logprobs - old_logprobs)


@advised("policy_loss", "take x.clone() first")
def view_of_a_leaf_in_place(logprobs, old_logprobs, advantages, mask, *, clip_eps):
    if not logprobs.requires_grad:
        return EXERCISES["policy_loss"].reference(logprobs, old_logprobs, advantages, mask, clip_eps=clip_eps)
    logprobs[0].sub_(1)


@advised("bradley_terry_loss", "take x.clone() first")
def overwritten_before_the_gradient(chosen, rejected):
    p = torch.sigmoid(chosen - rejected)
    loss = EXERCISES["bradley_terry_loss"].reference(chosen, rejected) + 0 * p.log().sum().clamp(min=-1)
    p.mul_(2)
    return loss


@advised("kl_shaped_rewards", ".unsqueeze(1)")
def one_number_a_row_beside_tokens(scores, logprobs, ref_logprobs, mask, *, kl_coef):
    return scores - kl_coef * (logprobs - ref_logprobs)


@advised("pair_accuracy", "write .float() first")
def mean_of_truths(chosen, rejected):
    return (chosen > rejected).mean()


@advised("whiten", "write ~mask for its opposite")
def one_minus_a_mask(values, mask, *, eps=1e-8):
    return values * (1 - mask)


@advised("best_of_n_kl", "only a tensor has")
def method_of_a_number(n):
    return float(n).log()


@advised("gae", "the last of 1 has the number 1 - 1. Nothing follows it")
def beyond_the_last_token(rewards, values, mask, *, gamma, lam):
    length = rewards.shape[1]
    return torch.stack([rewards[:, t] + gamma * values[:, t + 1] - values[:, t] for t in range(length)], dim=1)


@advised("gae", "the last of 1 has the number 1 - 1")
def from_one_beyond_the_last(rewards, values, mask, *, gamma, lam):
    result = torch.zeros_like(rewards)
    for t in range(rewards.shape[1], 0, -1):
        result[:, t] = rewards[:, t]
    return result


@advised("kl_shaped_rewards", "the last of 1 has the number 1 - 1")
def score_at_the_number_of_tokens(scores, logprobs, ref_logprobs, mask, *, kl_coef):
    rewards = -kl_coef * (logprobs - ref_logprobs)
    rewards[torch.arange(len(scores)), mask.sum(1)] += scores
    return rewards


@advised("bradley_terry_loss", "take .item() only after it")
def backward_of_a_number(chosen, rejected):
    loss = -torch.nn.functional.logsigmoid(chosen - rejected).mean().item()
    loss.backward()
    return loss


@advised("bradley_terry_loss", "no way leads back from this loss")
def backward_of_a_new_tensor(chosen, rejected):
    loss = torch.tensor(-torch.nn.functional.logsigmoid(chosen - rejected).mean().item())
    loss.backward()
    return loss


@advised("bradley_terry_loss", "has used up this computation")
def backward_twice(chosen, rejected):
    loss = -torch.nn.functional.logsigmoid(chosen.requires_grad_() - rejected).mean()
    loss.backward()
    loss.backward()
    return loss


@advised("token_logprobs", "write index.unsqueeze(-1)")
def gather_without_unsqueeze(logits, token_ids, *, temperature):
    return torch.log_softmax(logits / temperature, dim=-1).gather(-1, token_ids)


@advised("whiten", "write mask.bool()")
def where_of_a_float_mask(values, mask, *, eps=1e-8):
    return torch.where(mask.float(), values, 0.0)


@advised("gae", "one whole number: write int(x)")
def range_of_a_tensor(rewards, values, mask, *, gamma, lam):
    return torch.stack([rewards[:, t] for t in range(mask.float().sum())])


@advised("gae", "write x.flip(1)")
def turned_round_as_a_list(rewards, values, mask, *, gamma, lam):
    return rewards[:, ::-1]


@advised("k1", "write `import torch` above the function")
def torch_not_imported(logprobs, ref_logprobs):
    return eval("torch.exp(logprobs)", {}, {"logprobs": logprobs})


@advised("k1", "they count from 0, and -1 is the last")
def no_such_dimension(logprobs, ref_logprobs):
    return (logprobs - ref_logprobs).sum(dim=2)


@advised("token_logprobs", "pick each token's number out of the vocabulary")
def picked_by_brackets(logits, token_ids, *, temperature):
    return torch.log_softmax(logits / temperature, dim=-1)[token_ids]


def test_a_list_or_an_array_in_place_of_a_tensor_is_told_how_to_become_one():
    as_list = verdict(EXERCISES["k1"], lambda logprobs, ref_logprobs: (logprobs - ref_logprobs).tolist())
    assert "Make a tensor of a list: torch.stack(list)" in as_list.splitlines()[0]
    as_array = verdict(EXERCISES["k1"], lambda logprobs, ref_logprobs: (logprobs - ref_logprobs).numpy())
    assert "Use torch's functions in place of numpy's." in as_array.splitlines()[0]


def test_two_parts_where_one_number_is_asked_are_to_be_added():
    parts = verdict(EXERCISES["ppo_loss"], lambda *inputs, **how: (torch.tensor(1.0), torch.tensor(2.0)))
    assert "One number is asked: add the parts up" in parts.splitlines()[0]
    assert "torch.stack" not in parts


def test_tensors_of_two_shapes_that_were_stretched_to_fit_are_told_so():
    def rows_beside_columns(chosen, rejected):
        return torch.sigmoid(chosen[:, None] - rejected)

    first = verdict(EXERCISES["preference_probability"], rows_beside_columns).splitlines()[0]
    assert "a tensor of shape (1, 1), where a tensor of shape (1,) is expected" in first

    def stretched_where_there_are_two_rows(values, mask, *, eps=1e-8):
        right = EXERCISES["whiten"].reference(values, mask)
        return right if len(values) == 1 else right - values.sum(1)[:, None, None] * 0

    first = verdict(EXERCISES["whiten"], stretched_where_there_are_two_rows).splitlines()[0]
    assert "torch stretches both to fit: look at the .shape of each step." in first


def test_an_error_that_python_explains_itself_is_told_as_it_is():
    first = verdict(EXERCISES["k1"], lambda logprobs: logprobs).splitlines()[0]
    assert first.startswith("Not yet: your function stops with TypeError: ")


@advised("expected_best_of_n", "values.gather(1, places)")
def places_in_square_brackets(scores, values, *, n):
    weights = torch.tensor([math.comb(i, n - 1) / math.comb(scores.shape[1], n) for i in range(scores.shape[1])])
    return (weights * values[scores.argsort(dim=1)]).sum(dim=1)


@advised("expected_best_of_n", "its i - 1 is your i")
def comb_of_a_number_below_0(scores, values, *, n):
    weights = torch.tensor([math.comb(i - 1, n - 1) / math.comb(scores.shape[1], n) for i in range(scores.shape[1])])
    return (weights * values.gather(1, scores.argsort(dim=1))).sum(dim=1)


@advised("alliteration", "range(len(x) - 2)")
def two_words_past_the_end(text):
    found = text.lower().split()
    return any(found[i][0] == found[i + 1][0] == found[i + 2][0] for i in range(len(found)))
