"""The student's loops on people's ratings and choices, beside ours."""

import re

import pytest

from course_lib.classroom import own_loops as module
from course_lib.classroom.exercises.loops import train_on_ratings, train_reward_model
from course_lib.classroom.own_loops import own_loops


@pytest.fixture
def said(monkeypatch):
    """What is shown: figures and their sentences."""
    shown = []
    monkeypatch.setattr(module, "SETTINGS", module.SETTINGS | {"epochs": 1})
    monkeypatch.setattr(module, "PAIRS", 2560)
    monkeypatch.setattr(module, "show", lambda figure, says: shown.append((figure, says)))
    return shown


def test_the_same_loop_has_our_curve_and_our_accuracy_above_a_coins(said):
    own_loops(train_on_ratings=train_on_ratings, train_reward_model=train_reward_model)
    ((figure, says),) = said
    pairs = re.findall(r"from (\w+) (\.?[\d.]+) \(ours ([\d.]+)\)", says)
    assert [name for name, *_ in pairs] == ["ratings", "choices"]
    assert all(mine == ours and float(mine) > 0.6 for _, mine, ours in pairs), says
    for ax in figure.axes:
        ours, mine = (line.get_ydata() for line in ax.lines)
        assert list(ours) == list(mine)
        assert ours[-1] < ours[0]


def test_without_a_loop_it_says_which_to_write(said, capsys):
    own_loops(bradley_terry_loss=lambda chosen, rejected: 0)
    assert not said
    assert "my_train_on_ratings or my_train_reward_model" in capsys.readouterr().out
