"""Find the bug: every run shown, every right and wrong match."""

import itertools

import pytest

from course_lib.classroom.widgets.find_the_bug import BEHIND, SIGNS, find_the_bug
from course_lib.training.experiments.bugs import BUGS
from course_lib.training.experiments.recordings import load_recording


@pytest.fixture
def widget():
    return find_the_bug(load_recording("bugs"))


def test_every_mistake_is_behind_one_letter():
    assert sorted(BEHIND.values()) == sorted(SIGNS) == sorted(BUGS)
    assert list(BEHIND) == list("ABCDEF")


def test_each_run_has_its_own_picture_and_words(widget):
    pictures, words = set(), set()
    for label in BEHIND:
        widget.shown.value = label
        pictures.add(widget.png)
        words.add(widget.says)
        assert widget.says.startswith(f"Run {label}. Score (standard deviations): +0.07 at step 1")
        assert f'alt="Run {label}. ' in widget.picture.value
    assert len(pictures) == len(words) == 6


def test_nothing_is_right_before_a_choice(widget):
    widget.check_button.click()
    assert widget.told == ["0 of 6 are right."]


def test_all_right(widget):
    for label, guess in widget.guesses.items():
        guess.value = BEHIND[label]
    widget.check_button.click()
    assert widget.told == ["6 of 6 are right."]


@pytest.mark.parametrize(
    ("label", "guess"), [pair for pair in itertools.product(BEHIND, SIGNS) if BEHIND[pair[0]] != pair[1]]
)
def test_a_wrong_match_is_told_what_speaks_against_it_and_not_the_answer(widget_of_all, label, guess):
    for other, menu in widget_of_all.guesses.items():
        menu.value = guess if other == label else ""
    widget_of_all.check_button.click()
    count, hint = widget_of_all.told
    assert count == "0 of 6 are right."
    assert hint.startswith(f"Run {label}: ")
    assert SIGNS[BEHIND[label]].words not in hint
    assert hint.endswith(".")
    assert "{" not in hint


@pytest.fixture(scope="module")
def widget_of_all():
    return find_the_bug(load_recording("bugs"))


@pytest.mark.parametrize(
    ("label", "guess", "seen"),
    [
        ("D", "kl sign", "the length ends at 10.2"),
        ("B", "prompt not masked", "it begins at 14.6"),
        ("D", "logprobs shifted", "from 21% to 0%"),
        ("A", "logprobs shifted", "from 19% to 0%"),
        ("C", "reward on the wrong token", "goes from 0.68 to 0.62"),
        ("D", "advantages not whitened", "between −0.05 and 0.00"),
    ],
)
def test_the_numbers_are_those_of_the_run(widget_of_all, label, guess, seen):
    for other, menu in widget_of_all.guesses.items():
        menu.value = guess if other == label else ""
    widget_of_all.check_button.click()
    assert seen in widget_of_all.told[1]


def test_what_the_folded_solution_says_is_seen_in_the_records(widget):
    first, last = ({label: run[i] for label, run in widget.runs.items()} for i in (0, -1))
    assert max(last, key=lambda label: last[label]["score"]) == "B"
    assert last["B"]["response_length"] > 23.5
    assert [label for label in BEHIND if first[label]["response_length"] > 17] == ["C"]
    assert [label for label in BEHIND if first[label]["kl"] > 0.1] == ["E"]
    assert [label for label in BEHIND if last[label]["clip_fraction"] > 0.1] == ["E"]
    never = [label for label in BEHIND if max(record["explained_variance"] for record in widget.runs[label]) < 0]
    assert never == ["A"]
    risen = {label: last[label]["score"] - first[label]["score"] for label in "AD"}
    assert 0.4 < risen["A"] / risen["D"] < 0.6, "half as far"
    strays = [label for label in "ABCDF" if max(abs(record["policy_loss"]) for record in widget.runs[label]) > 0.1]
    assert strays == ["F"]
