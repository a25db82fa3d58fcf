"""What the loops of a class are drawn by is fair: ours passes, however it is drawn."""

import pytest

from course_lib.classroom.exercises import loop_trace, loops
from course_lib.classroom.exercises.ppo_loop import NEAR, text_probabilities, trained, variation
from course_lib.classroom.exercises.ppo_steps import train_ppo
from course_lib.classroom.exercises.ppo_symptoms import SYMPTOMS
from course_lib.classroom.exercises.ppo_watch import run
from course_lib.classroom.exercises.symptom import first_shown
from course_lib.publish.results.judge import PPO_DRAWS


@pytest.mark.parametrize(("models", "toy"), PPO_DRAWS)
def test_ppo_is_watched_and_ends_as_well_in_each_draw(models, toy):
    assert first_shown(SYMPTOMS, run(train_ppo, drawn=models)) is None
    assert variation(text_probabilities(trained(train_ppo, drawn=toy)), drawn=toy) < NEAR / 2
    assert len({run(train_ppo, drawn=each).returned[0] for each in (0, models)}) == 1 + (models > 0)


@pytest.mark.parametrize("name", loops.LOOPS)
def test_training_loops_learn_in_each_draw(name):
    exercise = loops.LOOPS[name]
    for drawn in (0, 5, 71, 10**6):
        trace = loop_trace.run(exercise.reference, exercise.loss, rated=exercise.rated, seed=0, drawn=drawn)
        assert trace.cosine > 0.95
    assert not loop_trace.examples(rated=True, drawn=5)[0].equal(loop_trace.examples(rated=True)[0])
