"""One mechanism for every exercise: our function, inputs to try, and the wrong versions that students really write."""

import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from numbers import Real
from traceback import extract_tb, format_exception_only

import torch
from torch import Tensor

from course_lib.classroom.exercises.written import kind, written, written_apart

DTYPES = {"response_mask": torch.bool, "mask": torch.bool, "token_ids": torch.long}
RESULT, AFTER, GRADIENT = "", " after the call = ", "gradient of "
# Torch raises NotImplementedError too, for a kind of number that an operation cannot take; a stub says none of this.
TORCH_SAYS = ("not implemented for", "aten::")
ONE_LINE = 80


@dataclass(frozen=True)
class Mistake:
    """A wrong version: what is wrong in it, a hint that leads out, and the function as a student writes it."""

    name: str
    hint: str
    function: Callable


@dataclass(frozen=True)
class Exercise:
    """A function to write: ours, inputs to try (smallest first), wrong versions, and what a right one does.

    `gradient_of` names the inputs whose gradients must be right too.
    """

    reference: Callable
    success: str
    probes: list[dict]
    mistakes: list[Mistake]
    gradient_of: tuple[str, ...] = ()


def probe(**inputs) -> dict:
    """Make the tensors of one probe from nested lists; a plain number stays one."""
    return {
        name: torch.tensor(value, dtype=DTYPES.get(name, torch.float32)) if isinstance(value, list) else value
        for name, value in inputs.items()
    }


def verdict(exercise: Exercise, function: Callable) -> str:
    """Say whether a student's function is right, or which mistake it makes and the smallest input that shows it."""
    for trial in (results, gradients) if exercise.gradient_of else (results,):
        outcomes, first_wrong = [], None
        for inputs in exercise.probes:
            expected = trial(exercise, exercise.reference, inputs)
            try:
                outcome = trial(exercise, function, inputs)
                wrong = [part for part in expected if not alike(outcome[part], expected[part])]
            except Exception as error:
                return stopped(function, error, inputs)
            outcomes.append(outcome)
            if wrong and first_wrong is None:
                first_wrong = inputs, wrong[0], expected[wrong[0]], outcome[wrong[0]]
        if first_wrong:
            return refusal(recognised(exercise, trial, outcomes), *first_wrong)
    return f"Passed: {exercise.success}"


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


def recognised(exercise: Exercise, trial: Callable, outcomes: list[dict]) -> Mistake | None:
    """Find the wrong version that did the same with every probe."""
    for mistake in exercise.mistakes:
        theirs = (trial(exercise, mistake.function, inputs) for inputs in exercise.probes)
        if all(
            alike(outcome[part], other[part]) for outcome, other in zip(outcomes, theirs, strict=True) for part in other
        ):
            return mistake
    return None


def alike(value: object, expected: object) -> bool:
    """Compare shapes and, as closely as single precision allows, numbers; NaN is NaN.

    A number passes for a tensor without dimensions, and any precision for any other. A list does not pass for a
    tensor: equal, but of no use to what comes after.
    """
    got, right = as_tensor(value), as_tensor(expected)
    if got is None or right is None or got.shape != right.shape or is_list_for_tensor(value, expected):
        return False
    return torch.allclose(got, right, rtol=1e-4, atol=1e-5, equal_nan=True)


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


def stopped(function: Callable, error: Exception, inputs: dict) -> str:
    """Say that the function is not written, or that it stopped with an error, in which line and on what."""
    says = "".join(format_exception_only(error)).splitlines()[0]
    if isinstance(error, NotImplementedError) and not any(words in says for words in TORCH_SAYS):
        return "Not attempted yet: replace `raise NotImplementedError` by your code and run both cells again."
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    lines = [frame.line for frame in extract_tb(error.__traceback__) if frame.filename == file and frame.line]
    where = {"line": lines[-1]} if lines else {}
    return block(f"Not yet: your function stops with {says[:150]}", where | {"input": written_inputs(inputs)})


def refusal(named: Mistake | None, inputs: dict, part: str, expected: object, got: object) -> str:
    """Say what is wrong, by its name if it has one, with the input that shows it."""
    says = f"{named.name}. {named.hint}" if named else unnamed(part, expected, got)
    right, came = written_apart(expected, got)
    return block(f"Not yet: {says}", {"input": written_inputs(inputs), "expected": part + right, "got": part + came})


def unnamed(part: str, expected: object, got: object) -> str:
    """Describe a wrong result that no listed mistake makes."""
    numbers = as_tensor(got)
    if part.endswith(AFTER):
        return "your function changes an input in place. Make a new tensor, or .clone() it first."
    if part.startswith(GRADIENT) and not numbers.any():
        return "the value is right, but no gradient comes through: .item(), .detach() or torch.tensor(...) cuts it off."
    if part.startswith(GRADIENT):
        return "the value is right, but its gradient is not."
    if got is None:
        return "your function returns None. Is the `return` missing?"
    if numbers is None or numbers.shape != as_tensor(expected).shape or is_list_for_tensor(got, expected):
        return f"your function returns {kind(got)}, where {kind(expected)} is expected."
    if numbers.isnan().any():
        return "the result contains NaN (not a number): look for 0 / 0, the log of a negative number, or inf - inf."
    return "the result is not the expected one. Work this input out by hand and compare."


def block(says: str, rows: dict[str, str]) -> str:
    """Set a sentence over rows such as the input, what was expected and what came."""
    return "\n".join([says, *(f"  {label + ':':<10}{text}" for label, text in rows.items())])


def written_inputs(inputs: dict) -> str:
    """Write the inputs in one line, or one under the other where that is too long."""
    texts = [f"{name} = {written(value)}" for name, value in inputs.items()]
    line = ", ".join(texts)
    return line if len(line) <= ONE_LINE else f"\n{' ' * 12}".join(texts)
