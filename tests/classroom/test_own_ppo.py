"""A student's PPO loop on the critic, beside the library's."""

from course_lib.classroom import own_ppo as module
from course_lib.classroom.exercises.ppo_steps import train_ppo
from course_lib.classroom.own_ppo import own_ppo, say_scores


def test_the_loop_of_the_solution_gives_the_numbers_of_the_library(monkeypatch, capsys):
    shown = []
    monkeypatch.setattr(module, "show", lambda figure, says: shown.append((figure, says)))
    own_ppo(train_ppo=train_ppo, steps=3, batch_size=16)
    ((figure, says),) = shown
    assert says.startswith("Score at step 3: yours ")
    assert says.endswith("the same at every step, but for rounding.")
    ours, mine = figure.axes[0].lines
    assert len(mine.get_ydata()) == len(ours.get_ydata()) == 3
    assert "half a minute" in capsys.readouterr().out


def test_other_numbers_are_told():
    assert "drawn in the library's order" in say_scores([0.0, 0.5], [0.0, 0.6])
    assert "drawn in the library's order" in say_scores([0.0], [0.0, 0.0])
