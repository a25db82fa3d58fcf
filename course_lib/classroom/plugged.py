"""Call a function that a student plugged into a widget: what is wrong with it becomes a sentence."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.training.files.errors import CourseError


def call_plugged(call: Callable[[], Tensor], *, name: str, shape: tuple[int, ...]) -> Tensor:
    """Return what `call()` returns, a tensor of this shape; `name` is what the sentence calls the function.

    Raises:
        CourseError: the call failed, or what came back is not a tensor of this shape, or not finite.
    """
    try:
        result = call()
    except NotImplementedError:
        raise CourseError(f"Your {name} is not written yet: write it, run its cell, then run this one again.") from None
    except Exception as error:
        raise CourseError(f"Your {name} stopped with {type(error).__name__}: {error}.") from None
    if not isinstance(result, Tensor):
        raise CourseError(f"Expected a tensor from your {name}, but a {type(result).__name__} came; return a tensor.")
    if result.shape != shape:
        came = f"{tuple(result.shape)} came"
        raise CourseError(f"Expected shape {shape} from your {name}, but {came}; return one number for each token.")
    if not torch.isfinite(result).all():
        raise CourseError(f"Expected finite numbers from your {name}, but some are infinite or NaN; look for them.")
    return result
