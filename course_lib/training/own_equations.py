"""Equations that a student wrote, in place of ours: read from a file, and called so that a fault is one sentence."""

import importlib.util
import inspect
import sys
from collections.abc import Callable, Collection, Sequence
from functools import wraps
from pathlib import Path
from traceback import extract_tb
from types import ModuleType

import torch
from torch import Tensor

from course_lib.training.files.errors import CourseError

ONE_NUMBER = {"loss", "policy_loss", "value_loss", "reinforce_loss", "grpo_loss", "dr_grpo_loss", "dpo_loss"}
ONE_NUMBER |= {"bradley_terry_loss"}
PROBABILITIES = {"preference_probability", "optimal_policy"}
AS_THE_SECOND = {"token_logprobs", "kl_shaped_rewards"}  # one number for each number of the second argument


def read_equations(path: Path, *, known: Collection[str]) -> dict[str, Callable]:
    """Run an ordinary Python file and return its functions that carry one of the `known` names, or `my_` and the name.

    Raises:
        CourseError: there is no such file, it stops, it has no such function, or a name of one is no function.
    """
    found = find_equations(path, known=known)
    if not found:
        raise CourseError(
            f"Expected functions in {path} with names out of {', '.join(sorted(known))}, but it has none of them; "
            "name yours so, or my_ and the name."
        )
    return found


def find_equations(path: Path, *, known: Collection[str]) -> dict[str, Callable]:
    """The same, where a file may well have none. What it imports from ours is not its own; `my_gae` goes before `gae`.

    Raises:
        CourseError: there is no such file, it stops, or a name of one is no function.
    """
    values = {name: value for name, value in vars(run_file(path)).items() if not is_ours(value)}
    found = {name: written for name in sorted(known) for written in (name, f"my_{name}") if written in values}
    for written in found.values():
        if not callable(values[written]):
            raise CourseError(
                f"Expected {written} in {path} to be a function, but it is {values[written]!r:.40}; write "
                f"`def {written}`."
            )
    return {name: values[written] for name, written in found.items()}


def is_ours(value: object) -> bool:
    """Tell whether something is of the course."""
    return str(getattr(value, "__module__", "")).startswith("course_lib.")


def run_file(path: Path, *, what: str = "equations") -> ModuleType:
    """Run a Python file as a module of its own, which may import its neighbours; torch's own settings stay as they are.

    `what` says what is looked for in it.

    Raises:
        CourseError: there is no such file, or it stops.
    """
    if not path.is_file():
        came = "it is a folder" if path.is_dir() else "there is no such file"
        raise CourseError(f"Expected {what} in the file {path}, but {came}; check the path.")
    file, dtype, learns = path.resolve(), torch.get_default_dtype(), torch.is_grad_enabled()
    spec = importlib.util.spec_from_file_location(f"own_equations_of_{file.stem}", file)
    if spec is None:
        raise CourseError(f"Expected a Python file, but {path} does not end in .py; rename it.")
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise CourseError(
            f"Expected {what} in {path}, but {place(error, file)} stops with {said(error)}; mend it."
        ) from None
    finally:
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(learns)
    return module


def own(name: str, function: Callable) -> Callable:
    """Let a student's equation be called as ours are: what is wrong with it, or its result, becomes a CourseError."""
    if hasattr(function, "called_as_ours"):
        return function

    @wraps(function)
    def called(*inputs: object, **options: object) -> object:
        tensors = [value for value in inputs if isinstance(value, Tensor)]
        versions = [tensor._version for tensor in tensors]
        try:
            result = function(*inputs, **options)
        except NotImplementedError:
            raise CourseError(f"Your {name} is not written yet: write it, then run this again.") from None
        except (Exception, SystemExit) as error:
            raise CourseError(
                f"Your {name} stopped in {place(error, file_of(function))} with {said(error)}; mend it."
            ) from None
        if versions != [tensor._version for tensor in tensors]:
            raise CourseError(
                f"Your {name} changes what it is given, in place; make a new tensor, or clone() it first."
            )
        if name == "adaptive_kl_coef":
            return require_number(name, result)
        require_tensor(name, result, shape=expected_shape(name, inputs), inputs=tensors)
        return result.to(next((tensor.dtype for tensor in tensors if tensor.is_floating_point()), result.dtype))

    called.called_as_ours = True
    return called


def expected_shape(name: str, inputs: tuple) -> tuple[int, ...]:
    """The shape that an equation gives: no dimension for a loss, else one number for each of an input."""
    if name in ONE_NUMBER:
        return ()
    if name == "entropy":
        return tuple(inputs[0].shape[:-1])
    return tuple(inputs[name in AS_THE_SECOND].shape)


def require_tensor(name: str, result: object, *, shape: tuple[int, ...], inputs: Sequence[Tensor]) -> None:
    """Raise CourseError unless a result is a finite tensor of this shape, with a gradient where an input has one."""
    if not isinstance(result, Tensor):
        raise CourseError(f"Expected a tensor from your {name}, but a {type(result).__name__} came; return a tensor.")
    if result.shape != shape:
        wanted = "a tensor of that shape" if shape else "one number, a mean say"
        raise CourseError(f"Expected shape {shape} from your {name}, but {tuple(result.shape)} came; return {wanted}.")
    if not result.is_floating_point():
        raise CourseError(f"Expected fractions from your {name}, but {result.dtype} came; keep to floating point.")
    if not torch.isfinite(result).all():
        raise CourseError(f"Expected finite numbers from your {name}, but some are infinite or NaN; look for them.")
    if name in PROBABILITIES and not ((result >= 0) & (result <= 1)).all():
        raise CourseError(f"Expected probabilities from your {name}, but some are below 0 or above 1; look for them.")
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in inputs) and not result.requires_grad:
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


def file_of(function: Callable) -> Path:
    """The file that a function was written in, under its decorators; an empty path where that cannot be told."""
    function = inspect.unwrap(function)
    function = getattr(function, "func", function)  # of functools.partial
    code = getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)
    return Path(getattr(code, "co_filename", ""))


def place(error: BaseException, file: Path) -> str:
    """Say where in a file an error arose, `my_rlhf.py, line 12`; the file alone where none of its lines took part."""
    lines = [frame.lineno for frame in extract_tb(error.__traceback__) if Path(frame.filename) == file]
    line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
    return f"{file_name(file)}, line {line}," if line else file_name(file)


def file_name(file: Path) -> str:
    """What a student calls a file: a cell of a notebook has none."""
    return "your cell" if "ipykernel" in str(file) or file.name.startswith("<") else file.name or "your code"


def said(error: BaseException) -> str:
    """An error's kind and its own first line."""
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]:.120}" if lines else type(error).__name__
