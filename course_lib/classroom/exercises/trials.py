"""Trying a function on an input: what it gives, what it does to inputs and gradients, and whether ours does so too."""

import inspect
import warnings
from collections.abc import Callable
from functools import cache
from numbers import Real
from typing import NamedTuple

import torch
from torch import Tensor

from course_lib.classroom.exercises.exercise import Exercise

RESULT, AFTER, GRADIENT = "", " after the call = ", "gradient of "


class Difference(NamedTuple):
    """Where a function differs from ours: on which input, in which part of what it does."""

    inputs: dict
    part: str
    expected: object
    got: object


def difference(exercise: Exercise, trial: Callable, function: Callable, inputs: dict) -> Difference | None:
    """Compare a function with ours on one input, and give the first part in which they differ."""
    expected, outcome = (trial(exercise, version, inputs) for version in (exercise.reference, function))
    for part in expected:
        if not alike(outcome[part], expected[part], scale=scale(inputs)):
            return Difference(inputs, part, expected[part], outcome[part])
    return None


def results(exercise: Exercise, function: Callable, probe: dict) -> dict:
    """Try a function on copies of the inputs: what they are after the call, and the result."""
    inputs = copied(probe)
    value = call(exercise, function, inputs)
    return {name + AFTER: after for name, after in inputs.items() if isinstance(after, Tensor)} | {RESULT: value}


def gradients(exercise: Exercise, function: Callable, probe: dict) -> dict:
    """Try a function and differentiate its results' sum by the watched inputs; the gradient is 0 where none comes."""
    inputs = copied(probe)
    watched = {name: inputs[name].requires_grad_() for name in exercise.gradient_of}
    value = call(exercise, function, inputs)
    if isinstance(value, Tensor) and value.requires_grad:
        value.sum().backward()
    found = {name: torch.zeros_like(x) if x.grad is None else x.grad for name, x in watched.items()}
    return {RESULT: value} | {f"{GRADIENT}{name} = ": gradient for name, gradient in found.items()}


def copied(probe: dict) -> dict:
    """Copy the tensors, so that a function which changes them spoils no later trial."""
    return {name: value.clone() if isinstance(value, Tensor) else value for name, value in probe.items()}


def call(exercise: Exercise, function: Callable, inputs: dict) -> object:
    """Call with the options by name and everything else by position, as the signature of ours has them."""
    options = {name: inputs[name] for name in inputs if name in option_names(exercise.reference)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*(value for name, value in inputs.items() if name not in options), **options)


@cache
def option_names(reference: Callable) -> set[str]:
    """List the parameters that our function takes by name alone."""
    parameters = inspect.signature(reference).parameters.values()
    return {parameter.name for parameter in parameters if parameter.kind is inspect.Parameter.KEYWORD_ONLY}


def scale(inputs: dict) -> float:
    """Give the largest number in the tensors, 1 at least: rounding errors are in proportion to it."""
    return max([1.0, *(value.abs().max().item() for value in inputs.values() if is_floating(value))])


def is_floating(value: object) -> bool:
    """Tell whether this is a tensor of numbers that are rounded, neither token ids nor a mask."""
    return isinstance(value, Tensor) and value.is_floating_point()


def alike(value: object, expected: object, *, scale: float = 1.0) -> bool:
    """Compare shapes and, as closely as single precision allows at this scale, numbers; NaN is NaN.

    A number passes for a tensor without dimensions, and any precision for any other. A list does not pass for a
    tensor: equal, but of no use to what comes after.
    """
    got, right = as_tensor(value), as_tensor(expected)
    if got is None or right is None or got.shape != right.shape or is_list_for_tensor(value, expected):
        return False
    return torch.allclose(got, right, rtol=1e-4, atol=1e-5 * scale, equal_nan=True)


def is_list_for_tensor(value: object, expected: object) -> bool:
    """Tell whether plain numbers came where a tensor is expected."""
    return isinstance(value, tuple | list) and isinstance(expected, Tensor)


def as_tensor(value: object) -> Tensor | None:
    """Read a tensor, a number, or a tuple or list of these of one shape, in double precision; None for all else."""
    if isinstance(value, Tensor):
        return torch.tensor(value.tolist(), dtype=torch.float64)
    if isinstance(value, Real):
        return torch.tensor(float(value), dtype=torch.float64)
    if isinstance(value, tuple | list) and value:
        parts = [as_tensor(part) for part in value]
        if all(part is not None and part.shape == parts[0].shape for part in parts):
            return torch.stack(parts)
    return None
