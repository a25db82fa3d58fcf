"""The check behind every exercise: `check(my_gae)` shows whether it is right, or what is wrong.

The first line begins with `Passed`, `Not attempted yet` or `Not yet`; the check never raises. A function that passes is
kept in `my_rlhf.py`, and the last line says so. Lenient where it costs nothing: a number passes for a tensor without
dimensions, float64 for float32, and any names of the positional parameters.
"""

from collections.abc import Callable

from IPython.display import display

from course_lib.classroom.exercises.exercise import Exercise
from course_lib.classroom.exercises.loops import LOOPS, Loop, loop_verdict
from course_lib.classroom.exercises.mistakes import (
    advantages,
    clipping,
    dpo,
    dr_grpo,
    experience,
    gain,
    groups,
    kl,
    logprobs,
    masking,
    optimum,
    overoptimization,
    policy_loss,
    ppo_loss,
    preferences,
    residuals,
    response_mask,
    rewards,
    value_loss,
    verified,
)
from course_lib.classroom.exercises.my_library import keep, written_in_notebook
from course_lib.classroom.exercises.patience import patience
from course_lib.classroom.exercises.ppo_loop import ppo_verdict
from course_lib.classroom.exercises.ppo_steps import train_ppo
from course_lib.classroom.exercises.said import Said
from course_lib.classroom.exercises.verdict import verdict
from course_lib.classroom.exercises.written import kind

TOPICS = (preferences, gain, logprobs, clipping, policy_loss, value_loss, residuals, advantages, masking, rewards)
TOPICS += (kl, overoptimization, optimum, groups, dpo, experience, ppo_loss, verified, dr_grpo, response_mask)
EXERCISES: dict[str, Exercise] = {
    name.lower(): thing for topic in TOPICS for name, thing in vars(topic).items() if isinstance(thing, Exercise)
}
KNOWN = EXERCISES | LOOPS | {"train_ppo": train_ppo}


def check(function: object) -> None:
    """Show the verdict on a student's function; its own name, `my_gae` or `gae`, says which exercise it solves."""
    display(Said(told(function)))


def told(function: object) -> str:
    """Find the exercise that a function solves, and say how it fares."""
    if not callable(function):
        return f"Not yet: the check takes your function itself, without brackets after its name; got {kind(function)}."
    name = str(getattr(function, "__name__", kind(function)))
    exercise = KNOWN.get(name.removeprefix("my_"))
    if exercise is None:
        known = ", ".join(KNOWN)
        return f"Not yet: no exercise is called {name}; call your function my_ and one of these: {known}."
    with patience(function):
        says = verdict_of(exercise, function)
    if says.startswith("Passed") and written_in_notebook(function):
        return f"{says}\n{keep(function, exercises=KNOWN)}"
    return says


def verdict_of(exercise: object, function: Callable) -> str:
    """The verdict of the kind of check that an exercise has."""
    if exercise is train_ppo:
        return ppo_verdict(function)
    return (loop_verdict if isinstance(exercise, Loop) else verdict)(exercise, function)
