"""A reward of the student's own, pleased for a few steps while people's reward model and the judge look on."""

from collections.abc import Callable

from course_lib.classroom.live_run import LiveRun
from course_lib.classroom.texts_table import TextsTable
from course_lib.classroom.watch import watch
from course_lib.training.files.errors import CourseError
from course_lib.training.record import LOOKING_ON
from course_lib.training.settings import RunSettings

QUICK = {"iterations": 8, "batch_size": 32, "learning_rate": 1e-3, "kl_coef": 0.0}
QUICK |= {"value_network": "policy"}  # such a function says nothing of half a text


def please(reward: Callable, **changes) -> TextsTable | None:
    """Let PPO please a function from texts to numbers: its curves, then texts before and after.

    Small batches at a high rate, and no leash; `changes` are other settings: please(my_reward, kl_coef=0.1). Where the
    reward stops the run, it says why and shows how far the run came.
    """
    run = LiveRun(RunSettings(**QUICK | changes), reward=reward)
    try:
        watch(iter(run.step, None), "score", LOOKING_ON, "judge")
    except CourseError as error:
        print(f"Stopped after {len(run.records)} of {run.settings.iterations} steps. {error}")
    return TextsTable({"before": run.before, "after": run.now}) if run.records else None
