"""The check of PPO's loop: what it did on a small language names its mistake, then it must find the best policy."""

from collections.abc import Callable
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_lib.classroom.exercises.patience import Endless
from course_lib.classroom.exercises.ppo_symptoms import SYMPTOMS
from course_lib.classroom.exercises.ppo_trace import SETTINGS, Trace
from course_lib.classroom.exercises.ppo_watch import run
from course_lib.classroom.exercises.refusals import stopped
from course_lib.classroom.exercises.symptom import first_shown
from course_lib.classroom.exercises.written import kind
from course_lib.equations.optimum import optimal_policy
from course_lib.training.experiments.toy_language import (
    PROMPTS,
    ToyTask,
    text_probabilities,
    total_variation,
    toy_settings,
)

NEAR = 0.02  # total variation from the best policy
KL_COEF = 0.5
# fast enough that each right way to estimate advantages comes near while the rate falls
TOY = replace(toy_settings(kl_coef=KL_COEF, iterations=200), learning_rate=0.02)
INPUT = f"{SETTINGS.iterations} steps of {SETTINGS.batch_size} texts on a language of four words"


def ppo_verdict(
    function: Callable, *, run: Callable[..., Trace] = run, distance: Callable[[Callable], float] | None = None
) -> str:
    """Say whether a student's loop does what PPO does and finds the best policy, or which mistake it makes.

    `run` lets it train, watched; `distance` says how far from the best policy it ends.
    """
    trace, distance = None, distance or from_the_best
    try:
        trace = run(function)
        if named := first_shown(SYMPTOMS, trace):
            return refused(named.name, named.hint, trace)
        if wrong := seeds(trace, run(function), run(function, seed=1)) or means(trace):
            return refused(*wrong, trace)
        apart = distance(function)
    except Endless as error:
        came = trace or error.trace
        return refused("the loop does not end", "It was stopped: what its condition asks must change.", came)
    except Exception as error:
        came = getattr(error, "trace", None)
        if came and (named := first_shown(SYMPTOMS, came, error)):
            return refused(named.name, named.hint, came)
        return stopped(function, error, {}).replace("  input:    ", f"  input:    {INPUT}")
    if apart < NEAR:
        return f"Passed: on a language of 64 texts it ends {apart:.3f} from the best policy of all (total variation)."
    hint = f"Every part is there, and yet on a language of 64 texts ours comes within {NEAR}: look at what climbs."
    return refused(f"it ends {apart:.2f} from the best policy (total variation)", hint, trace)


def seeds(trace: Trace, again: Trace, other: Trace) -> tuple[str, str] | None:
    """A mistake and its hint where the generator's seed is not all that decides which texts are written."""
    first, second, third = ([rollout.token_ids.tolist() for rollout in each.rollouts] for each in (trace, again, other))
    if first == second != third:
        return None
    return "the generator is not used", "Who gives the same seed wants the same texts: pass it on to each draw."


def means(trace: Trace) -> tuple[str, str] | None:
    """A mistake and its hint where the loop does not give the mean score of each step's texts."""
    came, steps = trace.returned, len(trace.scores)
    if came is None:
        return "your loop returns None", "Is the `return` missing? It gives the mean score of each step."
    if not isinstance(came, list | tuple | torch.Tensor) or len(came) != steps:
        return "the mean scores are not one a step", f"A list of {steps} numbers is expected, and {kind(came)} came."
    right = torch.stack([scores.mean() for scores in trace.scores])
    try:
        given = torch.tensor([float(mean) for mean in came])
    except (TypeError, ValueError):
        return "the mean scores are no numbers", "Append scores.mean().item(), with its brackets."
    if not torch.allclose(given, right, atol=1e-4):
        return "the numbers returned are not the mean scores", "Append scores.mean() as it is, before any penalty."
    return None


def from_the_best(loop: Callable) -> float:
    """The total variation from the best policy, after a loop has trained on the enumerated language."""
    return variation(text_probabilities(trained(loop)))


def toy_task(drawn: int) -> ToyTask:
    """The reference and the rewards of a draw."""
    return ToyTask.draw(torch.Generator().manual_seed(drawn))


def trained(loop: Callable, *, drawn: int = 0) -> nn.Module:
    """The policy after a loop has trained on the enumerated language."""
    task = toy_task(drawn)
    policy = counted(task.policy(), most=5 * TOY.iterations * TOY.epochs * TOY.minibatches)
    means = loop(policy, task.reference, PROMPTS, task.score, settings=TOY, generator=torch.Generator().manual_seed(0))
    if hasattr(means, "__next__"):
        list(means)
    return policy


def variation(probabilities: Float[Tensor, " texts"], *, drawn: int = 0) -> float:
    """The total variation of a policy, given by the probability of each text, from the best policy of a draw."""
    task = toy_task(drawn)
    best = optimal_policy(text_probabilities(task.reference), task.rewards, kl_coef=KL_COEF)
    return total_variation(probabilities, best)


def counted(policy: nn.Module, *, most: int) -> nn.Module:
    """A policy that raises Endless once it is called more often than any loop needs."""
    calls = []

    def count(*_: object) -> None:
        calls.append(None)
        if len(calls) > most:
            raise Endless

    policy.register_forward_pre_hook(count)
    return policy


def refused(name: str, hint: str, trace: Trace) -> str:
    """A mistake, and what the loop came to."""
    came = f"{len(trace.sampled)} rollouts, {len(trace.reads)} calls of the models, {len(trace.steps)} optimizer steps"
    return f"Not yet: {name}. {hint}\n  input:    {INPUT}\n  got:      {came}"
