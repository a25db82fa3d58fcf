"""A function that does not end is stopped and told, and nothing else notices."""

import sys
from itertools import count

import pytest

from course_lib.classroom.exercises.check import told
from course_lib.classroom.exercises.patience import Endless, patience


def never_ends():
    while True: pass  # fmt: skip  # noqa: E701


def counts_for_ever():
    for number in count():
        _ = number * 2


@pytest.mark.parametrize("function", [never_ends, counts_for_ever])
def test_what_does_not_end_is_stopped(function):
    with pytest.raises(Endless), patience(function, most=10_000):
        function()


def test_helpers_of_the_same_file_count_too_and_what_they_call_does_not():
    def sorts():
        return sorted(range(100_000))

    with patience(sorts, most=1_000):
        assert sorts()[-1] == 99_999
    with pytest.raises(Endless), patience(sorts, most=1_000):
        counts_for_ever()


def test_a_debugger_that_was_there_before_is_there_after():
    before = sys.gettrace()
    with pytest.raises(Endless), patience(never_ends, most=100):
        never_ends()
    assert sys.gettrace() is before


def test_the_check_of_an_exercise_says_that_a_loop_does_not_end():
    def my_gae(rewards, values, response_mask, *, gamma, lam):
        t = rewards.shape[1] - 1
        while t >= 0:
            pass

    says = told(my_gae)
    assert says.startswith("Not yet: the loop does not end. It was stopped")
    assert "\n  input:    rewards = " in says


@pytest.mark.parametrize("name", ["my_train_ppo", "my_train_on_ratings"])
def test_a_loop_that_calls_nothing_is_stopped_as_well(name):
    def loop(*models, **options):
        while True:
            pass

    loop.__name__ = name
    assert told(loop).startswith("Not yet: the loop does not end. It was stopped")
