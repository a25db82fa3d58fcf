"""Every check against the right answer, its list of wrong ones, and whatever else a student may hand in."""

import math
from functools import partial

import pytest
import torch
from torch import Tensor

from course_lib.classroom.exercises.check import EXERCISES, check, told
from course_lib.classroom.exercises.mistakes import clipping, kl, logprobs, preferences, residuals
from course_lib.classroom.exercises.verdict import verdict

MISTAKES = [(name, mistake) for name, exercise in EXERCISES.items() for mistake in exercise.mistakes]
VERSIONS = [(name, mistake, version) for name, mistake in MISTAKES for version in (mistake.function, *mistake.also)]
OF_NUMBERS = {
    "adaptive_kl_coef",
    "best_of_n_kl",
    "rl_peak",
    "alliteration",
}  # which take no tensor that could be changed in place
every_exercise = pytest.mark.parametrize("name", EXERCISES)


def printed(name, function, capsys):
    """What the check prints of a function that a student has given this name."""
    function.__name__ = name
    assert check(function) is None
    return capsys.readouterr().out.removesuffix("\n")


def changed_by(change, exercise):
    """An exercise's right answer, with its numbers changed."""

    def function(*inputs, **options):
        value = exercise.reference(*inputs, **options)
        return tuple(map(change, value)) if isinstance(value, tuple) else change(value)

    return function


@every_exercise
def test_the_right_function_passes_by_its_own_name_and_by_the_students(name, capsys):
    check(EXERCISES[name].reference)
    assert capsys.readouterr().out == f"Passed: {EXERCISES[name].success}\n"
    right = changed_by(lambda x: x, EXERCISES[name])
    assert printed(f"my_{name}", right, capsys) == f"Passed: {EXERCISES[name].success}"


class Unwritten:
    """Callable, and without a name of its own."""

    def __call__(self):
        raise NotImplementedError


@pytest.mark.parametrize("function", [lambda rewards: rewards, print, partial(kl.K1.reference), Unwritten(), Unwritten])
def test_a_function_that_no_exercise_asks_for_is_told_which_there_are(function, capsys):
    check(function)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("Not yet: no exercise is called ")
    assert all(name in line for name in ("gae", "k1", "bradley_terry_loss", "rl_peak"))


@every_exercise
def test_a_stub_is_not_attempted_yet(name, capsys):
    def stub(*inputs, **options):
        """Say what to write."""
        raise NotImplementedError

    assert printed(name, stub, capsys).startswith("Not attempted yet: ")


@pytest.mark.parametrize(("name", "mistake", "version"), VERSIONS, ids=lambda part: getattr(part, "name", None))
def test_every_mistake_is_known_by_its_name_and_shown_with_an_input(name, mistake, version):
    first, *rows = verdict(EXERCISES[name], version).splitlines()
    assert first == f"Not yet: {mistake.name}. {mistake.hint}"
    assert [row.split()[0] for row in rows if not row.startswith(" " * 12)] == ["input:", "expected:", "got:"]
    assert rows[-2].split()[1:] != rows[-1].split()[1:], "expected and got must look different"


@every_exercise
def test_inputs_drawn_anew_are_as_fair(name):
    exercise = EXERCISES[name]
    for seed in (2, 3, 999_983):
        assert verdict(exercise, exercise.reference, seed=seed).startswith("Passed")
    for mistake in exercise.mistakes:
        assert verdict(exercise, mistake.function, seed=999_983).startswith(f"Not yet: {mistake.name}.")


def test_names_are_for_one_mistake_each_and_hints_are_sentences():
    names = [mistake.name for _, mistake in MISTAKES]
    assert len(set(names)) == len(names) >= 50
    assert all(mistake.hint.endswith(".") and not mistake.name.endswith(".") for _, mistake in MISTAKES)


@every_exercise
def test_a_wrong_answer_without_a_name_is_refused_with_the_smallest_input(name):
    exercise = EXERCISES[name]
    first, row, *_ = verdict(exercise, changed_by(lambda x: x + 0.123, exercise)).splitlines()
    assert first.startswith("Not yet: the result is not the expected one")
    assert row.startswith(f"  input:    {next(iter(exercise.probes[0]))} = ")


@pytest.mark.parametrize("name", ["gae", "bradley_terry_loss", "gain_and_bias", "adaptive_kl_coef"])
def test_an_answer_of_another_kind_is_refused_in_one_clear_sentence(name):
    exercise = EXERCISES[name]
    assert "returns None. Is the `return` missing?" in verdict(exercise, lambda *inputs, **options: None)
    assert "returns a str, where a" in verdict(exercise, lambda *inputs, **options: "0.5")
    assert "returns a tensor of shape (7, 1), where a" in verdict(
        exercise, lambda *inputs, **options: torch.zeros(7, 1)
    )
    assert "the result contains NaN" in verdict(exercise, changed_by(lambda x: x * math.nan, exercise))


@pytest.mark.parametrize("name", [name for name in EXERCISES if name not in OF_NUMBERS])
def test_a_function_that_changes_its_inputs_is_refused(name):
    exercise = EXERCISES[name]
    tensors = [key for key, value in exercise.probes[0].items() if isinstance(value, Tensor)]

    def function(*inputs, **options):
        value = exercise.reference(*inputs, **options)
        inputs[0].add_(1)
        return value

    first, *_, expected, got = verdict(exercise, function).splitlines()
    assert first.startswith("Not yet: your function changes an input in place.")
    assert expected.startswith(f"  expected: {tensors[0]} after the call = ")
    assert got.startswith(f"  got:      {tensors[0]} after the call = ")


def test_the_whole_message_of_a_named_mistake():
    assert verdict(clipping.CLIPPED_OBJECTIVE, lambda ratio, advantages, *, clip_eps: ratio * advantages) == (
        "Not yet: nothing is clipped. ratio * advantages alone rewards any change, however large.\n"
        "  input:    ratio = [1.5], advantages = [1], clip_eps = 0.2\n"
        "  expected: [1.2]\n"
        "  got:      [1.5]"
    )


def test_long_inputs_stand_under_each_other_with_masks_as_ones_and_zeros():
    def wrong_at_padding(rewards, values, mask, *, gamma):
        return residuals.td_residuals(rewards, values, mask, gamma=gamma) + (~mask) * 0.25

    assert verdict(residuals.TD_RESIDUALS, wrong_at_padding).splitlines()[1:] == [
        "  input:    rewards = [[1, 3, 7]]",
        "            values = [[2, 4, 8]]",
        "            response_mask = [[1, 1, 0]]",
        "            gamma = 0.5",
        "  expected: [[1, -1, 0]]",
        "  got:      [[1, -1, 0.25]]",
    ]


def test_a_small_option_is_not_rounded_to_zero():
    row = verdict(EXERCISES["grpo_advantages"], lambda scores, *, eps: scores).splitlines()[1]
    assert row == "  input:    scores = [[3, 1]], eps = 1e-08"


def test_what_shows_only_in_long_rows_is_shown_in_one_no_longer_than_it_takes():
    def three_terms(rewards, values, response_mask, *, gamma, lam):
        deltas = residuals.td_residuals(rewards, values, response_mask, gamma=gamma)
        return sum((gamma * lam) ** k * torch.nn.functional.pad(deltas, (0, k))[:, k:] for k in range(3))

    first, rewards, *_ = verdict(EXERCISES["gae"], three_terms).splitlines()
    assert first.startswith("Not yet: the sum stops after a few terms.")
    assert rewards.count(",") == 3, "four tokens of one row"
    assert "." not in rewards, "whole numbers"


def test_a_number_is_refused_only_where_rounding_cannot_explain_it():
    def nearly_right(logprobs, ref_logprobs):
        return (logprobs - ref_logprobs) * (1 + 1e-6)

    def off_by_a_thousandth(logprobs, ref_logprobs):
        return (logprobs - ref_logprobs) * (1 + 1e-3)

    assert verdict(EXERCISES["k1"], nearly_right).startswith("Passed")
    assert verdict(EXERCISES["k1"], off_by_a_thousandth).startswith("Not yet")


def test_an_error_is_told_with_its_line_and_its_input():
    def function(logprobs, old_logprobs):
        return torch.exp(logprobs - old_logprob)  # noqa: F821

    assert verdict(clipping.PROBABILITY_RATIO, function).splitlines() == [
        "Not yet: your function stops with NameError: name 'old_logprob' is not defined",
        "  line:     return torch.exp(logprobs - old_logprob)  # noqa: F821",
        "  input:    logprobs = [-1], old_logprobs = [-1.5]",
    ]


def test_a_missing_option_is_told_by_name():
    says = verdict(logprobs.TOKEN_LOGPROBS, lambda logits, token_ids: logits)
    assert "Not yet: your function stops with TypeError" in says
    assert "'temperature'" in says


@pytest.mark.parametrize(
    ("given", "kind"), [(torch.zeros(2), "a tensor of shape (2,)"), (None, "None"), ("gae", "a str")]
)
def test_what_is_no_function_is_refused(given, kind, capsys):
    check(given)
    assert f"without brackets after its name; got {kind}." in capsys.readouterr().out


def test_torchs_own_not_implemented_error_is_an_attempt():
    def whole_numbers(logits, *, temperature):
        return torch.log_softmax(logits.long(), dim=-1)

    assert verdict(logprobs.ENTROPY, whole_numbers).startswith("Not yet: your function stops with NotImplementedError")


@pytest.mark.parametrize("stop", [SystemExit, KeyboardInterrupt])
def test_what_ends_the_program_passes_through(stop):
    def my_k1(logprobs, ref_logprobs):
        raise stop

    with pytest.raises(stop):
        check(my_k1)


def test_a_loss_that_carries_no_gradient_is_refused():
    def loss(chosen, rejected):
        return preferences.BRADLEY_TERRY_LOSS.reference(chosen, rejected).item()

    assert "the value is right, but no gradient comes through" in verdict(preferences.BRADLEY_TERRY_LOSS, loss)


def test_a_wrong_gradient_without_a_name_is_refused_with_both_gradients():
    def ratio(logprobs, old_logprobs):
        value = torch.exp(logprobs - old_logprobs)
        return 2 * value - value.detach()

    first, _, expected, got = verdict(clipping.PROBABILITY_RATIO, ratio).splitlines()
    assert first == "Not yet: the value is right, but its gradient is not."
    assert expected == "  expected: gradient of logprobs = [1.649]"  # exp(0.5)
    assert got == "  got:      gradient of logprobs = [3.297]"


def test_a_list_is_refused_where_a_tensor_is_needed():
    def as_list(logprobs, ref_logprobs):
        return (logprobs - ref_logprobs).tolist()

    assert "your function returns a list of 1, where a tensor of shape (1,) is expected" in verdict(kl.K1, as_list)


@pytest.mark.parametrize(
    ("loss", "name"),
    [
        (lambda gap: torch.log(torch.sigmoid(gap)).mean(), "the minus sign is missing"),
        (lambda gap: -torch.log(torch.sigmoid(gap)).sum(), "the losses are added up, not averaged"),
        (lambda gap: -torch.log(torch.sigmoid(gap)).mean(), "log(sigmoid(gap)) breaks for a large gap"),
    ],
)
def test_of_two_mistakes_the_one_that_shows_on_small_inputs_is_named(loss, name):
    def my_bradley_terry_loss(chosen_rewards, rejected_rewards):
        return loss(chosen_rewards - rejected_rewards)

    assert told(my_bradley_terry_loss).startswith(f"Not yet: {name}")
