"""What a student reads whose function is not right: one sentence, then the input, what was expected and what came."""

from collections.abc import Callable
from traceback import extract_tb, format_exception_only

from torch import Tensor

from course_lib.classroom.exercises.advice import FROM_LIST, advice
from course_lib.classroom.exercises.exercise import Mistake
from course_lib.classroom.exercises.patience import Endless
from course_lib.classroom.exercises.trials import AFTER, GRADIENT, Difference, as_tensor, is_list_for_tensor
from course_lib.classroom.exercises.written import kind, written_apart, written_inputs

# Torch raises NotImplementedError too, for a kind of number that an operation cannot take; a stub says none of this.
TORCH_SAYS = ("not implemented for", "aten::")
ENDLESS = "the loop does not end. It was stopped: what its condition asks must come to change."


def stopped(function: Callable, error: Exception, inputs: dict) -> str:
    """Say that the function is not written, or that it stopped with an error, in which line and on what."""
    says = "".join(format_exception_only(error)).splitlines()[0][:150]
    if isinstance(error, NotImplementedError) and not any(words in says for words in TORCH_SAYS):
        return "Not attempted yet: replace `raise NotImplementedError` by your code and run both cells again."
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    lines = [frame.line for frame in extract_tb(error.__traceback__) if frame.filename == file and frame.line]
    lines += [error.line] if getattr(error, "line", None) else []  # of one that was raised in another process
    where = {"line": lines[-1]} if lines else {}
    if isinstance(error, Endless):
        return block(f"Not yet: {ENDLESS}", where | {"input": written_inputs(inputs)})
    if told := advice(error, where.get("line", "")):
        return block(f"Not yet: {told}", where | {"error": says, "input": written_inputs(inputs)})
    return block(f"Not yet: your function stops with {says}", where | {"input": written_inputs(inputs)})


def refusal(named: Mistake | None, shown: Difference, *, among_others: bool = False) -> str:
    """Say what is wrong, by its name if it has one, with the input that shows it; or one of several mistakes."""
    inputs, part, expected, got = shown
    says = f"{named.name}. {named.hint}" if named else unnamed(part, expected, got)
    if among_others:
        says = f"with this input it looks as if {says}"
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
        return f"your function returns {kind(got)}, where {kind(expected)} is expected.{way_out(expected, got)}"
    if numbers.isnan().any():
        return "the result contains NaN (not a number): look for 0 / 0, the log of a negative number, or inf - inf."
    return "the result is not the expected one. Work this input out by hand and compare."


def way_out(expected: object, got: object) -> str:
    """Say how a result of the wrong kind came about, or how to make the right kind of it; nothing if that is open."""
    if is_list_for_tensor(got, expected) and expected.ndim == 0:
        return " One number is asked: add the parts up, or take their mean, as the task says."
    if is_list_for_tensor(got, expected):
        return f" {FROM_LIST[0].upper()}{FROM_LIST[1:]}."
    if type(got).__module__ == "numpy":
        return " Use torch's functions in place of numpy's."
    if not isinstance(got, Tensor) or not isinstance(expected, Tensor):
        return ""
    if got.ndim == expected.ndim == 2 and len(got) != len(expected) and got.shape[1] == expected.shape[1]:
        return " A row is a text and a column a token: x[1:] cuts off a text, x[:, 1:] a token."
    if got.numel() > expected.numel() > 1:
        return " Where tensors of two shapes meet, torch stretches both to fit: look at the .shape of each step."
    return ""


def block(says: str, rows: dict[str, str]) -> str:
    """Set a sentence over rows such as the input, what was expected and what came."""
    return "\n".join([says, *(f"  {label + ':':<10}{text}" for label, text in rows.items())])
