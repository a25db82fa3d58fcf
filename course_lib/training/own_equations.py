"""Equations that a student wrote, in place of ours: read from a file, and called so that a fault is one sentence."""

import importlib.util
from collections.abc import Callable, Collection
from functools import wraps
from pathlib import Path
from traceback import extract_tb

import torch
from torch import Tensor

from course_lib.training.files.errors import CourseError

ONE_NUMBER = {"loss", "policy_loss", "value_loss", "reinforce_loss", "grpo_loss", "dpo_loss", "bradley_terry_loss"}
AS_THE_SECOND = {"token_logprobs", "kl_shaped_rewards"}  # one number for each number of the second argument


def read_equations(path: Path, *, known: Collection[str]) -> dict[str, Callable]:
    """Run an ordinary Python file and return its functions that carry one of the `known` names.

    Raises:
        CourseError: there is no such file, it stops, or it has no such function.
    """
    if not path.is_file():
        raise CourseError(f"Expected equations in the file {path}, but there is no such file; check the path.")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec) if spec else None
    if module is None:
        raise CourseError(f"Expected a Python file, but {path} does not end in .py; rename it.")
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise CourseError(
            f"Expected equations in {path}, but {place(error, path)} stops with {said(error)}; mend it."
        ) from None
    functions = {name: getattr(module, name) for name in sorted(known) if callable(getattr(module, name, None))}
    if not functions:
        raise CourseError(
            f"Expected functions in {path} with names out of {', '.join(sorted(known))}, but it has none of them; "
            "name yours so."
        )
    return functions


def own(name: str, function: Callable) -> Callable:
    """Let a student's equation be called as ours are: what is wrong with it, or its result, becomes a CourseError."""
    if hasattr(function, "called_as_ours"):
        return function

    @wraps(function)
    def called(*inputs: object, **options: object) -> object:
        try:
            result = function(*inputs, **options)
        except NotImplementedError:
            raise CourseError(f"Your {name} is not written yet: write it, then run this again.") from None
        except (Exception, SystemExit) as error:
            file = Path(getattr(getattr(function, "__code__", None), "co_filename", ""))
            raise CourseError(f"Your {name} stopped in {place(error, file)} with {said(error)}; mend it.") from None
        if name == "adaptive_kl_coef":
            return require_number(name, result)
        require_tensor(name, result, shape=expected_shape(name, inputs), inputs=inputs)
        return result

    called.called_as_ours = True
    return called


def expected_shape(name: str, inputs: tuple) -> tuple[int, ...]:
    """The shape that an equation gives: no dimension for a loss, else one number for each of an input."""
    if name in ONE_NUMBER:
        return ()
    if name == "entropy":
        return tuple(inputs[0].shape[:-1])
    return tuple(inputs[name in AS_THE_SECOND].shape)


def require_tensor(name: str, result: object, *, shape: tuple[int, ...], inputs: tuple) -> None:
    """Raise CourseError unless a result is a finite tensor of this shape, with a gradient where an input has one."""
    if not isinstance(result, Tensor):
        raise CourseError(f"Expected a tensor from your {name}, but a {type(result).__name__} came; return a tensor.")
    if result.shape != shape:
        wanted = "one number for each token" if shape else "one number for all tokens, their mean say"
        raise CourseError(f"Expected shape {shape} from your {name}, but {tuple(result.shape)} came; return {wanted}.")
    if not torch.isfinite(result).all():
        raise CourseError(f"Expected finite numbers from your {name}, but some are infinite or NaN; look for them.")
    learns = any(isinstance(value, Tensor) and value.requires_grad for value in inputs)
    if learns and torch.is_grad_enabled() and not result.requires_grad:
        raise CourseError(
            f"Expected a gradient through your {name}, but it has none; compute with the tensors themselves, without "
            "detach(), item() or torch.tensor()."
        )


def require_number(name: str, result: object) -> float:
    """Return a finite number as it is; CourseError for anything else."""
    try:
        number = float(result)
    except (TypeError, ValueError):
        raise CourseError(
            f"Expected a number from your {name}, but a {type(result).__name__} came; return a number."
        ) from None
    if not abs(number) < float("inf"):
        raise CourseError(f"Expected a finite number from your {name}, but {number} came; look for a division by 0.")
    return number


def place(error: BaseException, file: Path) -> str:
    """Say where in a file an error arose, `my_rlhf.py, line 12`; the file alone where none of its lines took part."""
    lines = [frame.lineno for frame in extract_tb(error.__traceback__) if Path(frame.filename) == file]
    line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
    name = "your cell" if "ipykernel" in str(file) or file.name.startswith("<") else file.name or "your code"
    return f"{name}, line {line}," if line else name


def said(error: BaseException) -> str:
    """An error's kind and its own first line."""
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]:.120}" if lines else type(error).__name__
