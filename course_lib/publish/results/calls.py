"""Calls of a function that are made in one process and used in another, or made once and used again."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from course_lib.classroom.exercises.draws import drawn
from course_lib.classroom.exercises.exercise import Exercise
from course_lib.classroom.exercises.trials import gradients, results
from course_lib.publish.results.wire import Gone

TOGETHER = 48  # calls in one message


class Call(NamedTuple):
    """What a function is called with, and the places of the inputs by which its result is differentiated."""

    inputs: tuple
    options: dict
    watched: tuple[int, ...]

    @property
    def key(self) -> tuple:
        """The same for calls with the same numbers."""
        values = (*self.inputs, *self.options.values())
        return self.watched, *(
            (*value.shape, as_bytes(value)) if isinstance(value, Tensor) else value for value in values
        )


class Answer(NamedTuple):
    """A function's result, its inputs as they are after the call, and the gradients of the watched ones."""

    result: object
    after: list
    gradients: list[Tensor | None] | None


class Asked(Exception):  # noqa: N818 - it carries a call out of a trial
    """The call that a trial makes."""


def as_bytes(tensor: Tensor) -> bytes:
    """The numbers of a tensor as they lie in memory."""
    return tensor.detach().numpy().tobytes()


def make(function: Callable, call: Call) -> Answer:
    """Make a call, and differentiate the sum of its result by the watched inputs."""
    given = [value.clone() if isinstance(value, Tensor) else value for value in call.inputs]
    for place in call.watched:
        given[place] = given[place].detach().requires_grad_()
    result = function(*given, **call.options)
    found = None
    if call.watched and isinstance(result, Tensor) and result.requires_grad:
        result.sum().backward()
        found = [given[place].grad for place in call.watched]
        result = result.detach()
    return Answer(result, given, found)


class StandIn:
    """A function whose answers come from elsewhere; it is called, and differentiated, as that one."""

    def __init__(self, answer: Callable[[Call], Answer]):
        self.answer = answer

    def __call__(self, *inputs: object, **options: object) -> object:
        """The result; inputs that the function changes in place are changed, what it raises is raised."""
        watched = [i for i, value in enumerate(inputs) if isinstance(value, Tensor) and value.requires_grad]
        answer = self.answer(Call(inputs, options, tuple(watched)))
        for value, after in zip(inputs, answer.after, strict=True):
            if isinstance(value, Tensor) and not value.requires_grad and not same(value, after):
                value.data = after
        if answer.gradients and isinstance(answer.result, Tensor):
            return Came.apply(answer.result, answer.gradients, *(inputs[i] for i in watched))
        return answer.result


def same(value: Tensor, other: object) -> bool:
    """Whether two tensors have the same numbers. Gone where the other is none of its kind."""
    if not isinstance(other, Tensor) or other.dtype != value.dtype:
        raise Gone("it changes the inputs to something else")
    return torch.equal(value, other)


class Came(torch.autograd.Function):
    """A result whose sum has gradients that are known."""

    @staticmethod
    def forward(ctx, result: Tensor, known: list[Tensor | None], *watched: Tensor) -> Tensor:
        """The result as it came."""
        ctx.known = known
        return result.detach().clone()

    @staticmethod
    def backward(ctx, _: Tensor) -> tuple:
        """The gradients as they came."""
        return (None, None, *ctx.known)


def remembered(function: Callable) -> StandIn:
    """A function that makes each call once, and has its signature."""
    known: dict[tuple, Answer] = {}

    def answer(call: Call) -> Answer:
        if call.key not in known:
            known[call.key] = make(function, call)
        return known[call.key]

    stand_in = StandIn(answer)
    stand_in.__wrapped__ = function
    return stand_in


def to_be_made(exercise: Exercise, seed: int) -> list[list[Call]]:
    """The calls that a check makes of a right function, some at a time: its inputs by hand, then the random ones."""

    def ask(*inputs: object, **options: object) -> None:
        watched = [i for i, value in enumerate(inputs) if isinstance(value, Tensor) and value.requires_grad]
        raise Asked(Call(inputs, options, tuple(watched)))

    def calls() -> Iterator[list[Call]]:
        for many in (exercise.probes, drawn(exercise.draw, seed=seed)):
            for trial in (results, gradients) if exercise.gradient_of else (results,):
                made = []
                for inputs in many:
                    try:
                        trial(exercise, ask, inputs)
                    except Asked as asked:
                        made.append(asked.args[0])
                yield from (made[start : start + TOGETHER] for start in range(0, len(made), TOGETHER))

    return list(calls())
